"""Writes an exported graph, checks it, and publishes it as the next version."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from keras_twins.export.check import check_c_session, check_parity
from keras_twins.export.description import write_description
from keras_twins.export.versions import new_version
from keras_twins.export.warmup import write_warmup_requests


def publish(
    graph, exported, reference, output_dir, warm_up, batch_sizes, metadata, **settings
):
    """Publishes a graph whose answers are those of the encoder.

    Args:
        graph: `keras_twins.export.graph.EmbeddingGraph`.
        exported: the encoder in it.
        reference: `keras_twins.export.reference.Reference`.
        output_dir: path. The model's folder.
        warm_up: list of bytes, the files of the warm-up requests.
        batch_sizes: ints, theirs.
        metadata: dict for JSON, or None.
        **settings: what the version says about how it was exported.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        ExportError: if the written model does not answer as the encoder does. Nothing
            is published then.
    """
    with new_version(output_dir) as version:
        graph.save(version.path)
        _declare_input_shapes(version.path, graph.input_shapes)
        differences = {
            "tensorflow": check_parity(version.path, graph, reference),
            "tensorflow_c_library": check_c_session(version.path, graph, reference),
        }
        write_description(
            version.path / "assets.extra" / "keras_twins.json",
            exported,
            differences,
            metadata,
            name=version.path.resolve().parent.name,
            format="saved_model",
            input_name=graph.input_name,
            **settings,
        )
        element = reference.elements[0]
        write_warmup_requests(version.path, graph, warm_up, element, batch_sizes)
    return version.path


def _declare_input_shapes(version_dir, shapes):
    """Tells clients the shapes that the graph itself leaves open and then checks."""
    path = Path(version_dir) / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    model.ParseFromString(path.read_bytes())
    signatures = model.meta_graphs[0].signature_def
    for signature, shape in shapes.items():
        (info,) = signatures[signature].inputs.values()
        info.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    path.write_bytes(model.SerializeToString(deterministic=True))
    fingerprinting_utils.write_fingerprint(str(version_dir))
