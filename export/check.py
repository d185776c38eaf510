"""Checks of a written SavedModel before it is published."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging
from tensorflow.core.protobuf import saved_model_pb2

from keras_twins.export import c_session
from keras_twins.export.reference import ExportError
from keras_twins.export.signatures import EMBEDDING, SERVING_DEFAULT
from keras_twins.float32 import exact_products

_INVALID_ARGUMENT = 3


def check_parity(version_dir, graph, reference):
    """Compares both signatures with the encoder's own embeddings, in TensorFlow.

    Args:
        version_dir: path of the SavedModel.
        graph: the `EmbeddingGraph` that was written.
        reference: `Reference`.

    Returns:
        float. The largest relative difference.

    Raises:
        ExportError: if it is larger than the reference tolerates.
    """
    signatures = tf.saved_model.load(str(version_dir)).signatures
    arrays = graph.arrays
    batches = [tf.constant(element[np.newaxis]) for element in reference.elements]
    embed_files, embed_arrays = (
        signatures[name] for name in (SERVING_DEFAULT, arrays.signature)
    )
    with exact_products():
        of_files = embed_files(**{graph.input_name: tf.constant(reference.files)})
        of_arrays = [embed_arrays(**{arrays.name: batch}) for batch in batches]
    of_arrays = np.concatenate([answer[EMBEDDING] for answer in of_arrays])
    return max(
        reference.difference(SERVING_DEFAULT, of_files[EMBEDDING].numpy()),
        reference.difference(arrays.signature, of_arrays),
    )


def check_c_session(version_dir, graph, reference):
    """Runs both signatures where TensorFlow Serving would, without TensorFlow's Python.

    Beside the embeddings it checks that an empty batch gets an empty answer and that
    a wrong rank is refused rather than ending the process.

    Args: as `check_parity`.

    Returns:
        float. The largest relative difference; None where this TensorFlow comes
        without its C library.

    Raises:
        ExportError: if an answer is wrong or the process dies.
    """
    if find_library() is None:
        logging.warning(
            "The export was not run through TensorFlow's C library, which this "
            "installation lacks."
        )
        return None
    count, width = reference.embeddings.shape
    signature, elements = graph.arrays.signature, reference.elements
    # Signature, what it gets, how many embeddings it answers (None: it refuses).
    cases = [
        (SERVING_DEFAULT, as_objects(reference.files), count),
        (SERVING_DEFAULT, as_objects([]), 0),
        *((signature, element[np.newaxis], 1) for element in elements),
        (signature, elements[0][np.newaxis][:0], 0),
        (signature, elements[0], None),
    ]
    answers = run_in_c_session(version_dir, [case[:2] for case in cases])
    for (name, value, rows), answer in zip(cases, answers, strict=True):
        code, message, array = answer
        shape = None if array is None else array.shape
        wanted = (_INVALID_ARGUMENT, None) if rows is None else (0, (rows, width))
        if (code, shape) != wanted:
            raise ExportError(
                f"{name} answered an input of shape {value.shape} with status "
                f"{code} and shape {shape} in TensorFlow's C library, not with "
                f"{wanted}: {message}"
            )
    arrays = [array for _, _, array in answers]
    of_arrays = np.concatenate(arrays[2 : 2 + count])
    return max(
        reference.difference(f"{SERVING_DEFAULT} in the C library", arrays[0]),
        reference.difference(f"{signature} in the C library", of_arrays),
    )


def run_in_c_session(version_dir, cases):
    """Runs cases in one process that has no TensorFlow Python.

    Args:
        version_dir: path of the SavedModel.
        cases: list of `(signature, array)`: uint8, float32, or objects of type bytes.

    Returns:
        list of `(code, message, array)`, as `CSession.run` gives them.

    Raises:
        ExportError: if the model does not load or the process dies.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        description = []
        for n, (signature, value) in enumerate(cases):
            feed, fetch = _tensor_names(version_dir, signature)
            case = {"input": feed, "output": fetch}
            if value.dtype == object:
                case["shape"] = value.shape
                case["strings"] = [base64.b64encode(s).decode() for s in value.flat]
            else:
                np.save(folder / f"{n}.npy", value)
            description.append(case)
        (folder / "cases.json").write_text(json.dumps(description))
        process = subprocess.run(
            # Isolated, so that nothing but the standard library and numpy is in reach.
            [sys.executable, "-I", c_session.__file__, find_library(), version_dir]
            + [folder],
            # A GPU's memory is this process's.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            last = process.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ExportError(
                f"TensorFlow's C library ended with status {process.returncode} on "
                f"the exported model: {last[0]}"
            )
        results = []
        for n, answer in enumerate(json.loads((folder / "answers.json").read_text())):
            array = None if answer["code"] else np.load(folder / f"{n}.answer.npy")
            results.append((answer["code"], answer["message"], array))
        return results


def find_library():
    """Path of the C library that came with TensorFlow, or None."""
    found = sorted(Path(tf.sysconfig.get_lib()).glob("libtensorflow_cc.*"))
    return found[0] if found else None


def as_objects(texts):
    """A vector of bytes objects, which numpy would otherwise pad to one length."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _tensor_names(version_dir, signature):
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((Path(version_dir) / "saved_model.pb").read_bytes())
    definition = model.meta_graphs[0].signature_def[signature]
    (feed,) = definition.inputs.values()
    (fetch,) = definition.outputs.values()
    pairs = (tensor.name.rsplit(":", 1) for tensor in (feed, fetch))
    return [(name, int(index)) for name, index in pairs]
