"""One version of a model in memory: its signatures, run by TensorFlow's C++ session.

The session is the loader behind TensorFlow Serving, too. It takes a fraction of the
time of `tf.saved_model.load`, which rebuilds every function in Python.
"""

import concurrent.futures
import dataclasses
import gc
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl
from tensorflow_serving.apis import prediction_log_pb2

from keras_twins.export.signatures import SERVING_DEFAULT
from keras_twins.serving import tensors
from keras_twins.serving.status import ServingError, invalid

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"

_METHODS = {f"tensorflow/serving/{m}" for m in ("predict", "classify", "regress")}


class Signature:
    """One entry of a model: named arrays in, named arrays out.

    Attributes:
        inputs: dict from name to `TensorSpec`, sorted by name.
        outputs: likewise.
        method_name: str, such as "tensorflow/serving/predict".
        batches: bool. Whether the first axis of all inputs and outputs is a batch of
            any size, so that requests may share a run.
    """

    def __init__(self, session, definition):
        self.inputs = _specs(definition.inputs)
        self.outputs = _specs(definition.outputs)
        self.method_name = definition.method_name
        specs = [*self.inputs.values(), *self.outputs.values()]
        self.batches = bool(self.inputs) and all(spec.batches for spec in specs)
        self._run = session.make_callable(
            [spec.tensor for spec in self.outputs.values()],
            feed_list=[spec.tensor for spec in self.inputs.values()],
        )

    def check(self, inputs):
        """Raises ServingError unless the inputs have the names and dtypes asked for."""
        if len(inputs) != len(self.inputs):
            extra = ",".join(sorted(set(inputs) - set(self.inputs)))
            missing = ",".join(sorted(set(self.inputs) - set(inputs)))
            raise invalid(
                f"input size does not match signature: {len(inputs)}!="
                f"{len(self.inputs)} len({{{','.join(sorted(inputs))}}}) != "
                f"len({{{','.join(self.inputs)}}}). Sent extra: {{{extra}}}. "
                f"Missing but required: {{{missing}}}."
            )
        for name in inputs:
            if name not in self.inputs:
                raise invalid(
                    f"input tensor alias not found in signature: {name}. Inputs "
                    f"expected to be in the set {{{','.join(self.inputs)}}}."
                )
        for position, (name, spec) in enumerate(self.inputs.items()):
            sent = tf.as_dtype(inputs[name].dtype)
            if sent != spec.dtype:
                wanted, given = map(tensors.type_name, (spec.dtype, sent))
                raise invalid(
                    f"Expects arg[{position}] to be {wanted} but {given} is provided: "
                    f"the input {name!r}"
                )

    def run(self, inputs):
        """Runs the graph.

        Args:
            inputs: dict from name to array, as `check` accepts them.

        Returns:
            dict from name to array.

        Raises:
            tf.errors.OpError: if the graph refuses the inputs.
        """
        try:
            values = self._run(*(inputs[name] for name in self.inputs))
        except ValueError as error:
            # Python, not the graph, has compared the shapes with the placeholders'.
            raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
        # A scalar comes as a Python or NumPy scalar.
        return {
            name: np.asarray(value, spec.dtype.as_numpy_dtype)
            for (name, spec), value in zip(self.outputs.items(), values, strict=True)
        }


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A signature's input or output.

    Attributes:
        tensor: str. Its name in the graph.
        dtype: `tf.DType`.
        batches: bool. Whether its first axis has any size.
    """

    tensor: str
    dtype: tf.DType
    batches: bool


class Servable:
    """A version of a model, loaded and ready to run.

    Args:
        path: path of the version's folder.

    Raises:
        Exception: of many kinds, if the folder holds no whole SavedModel.
    """

    def __init__(self, path):
        graph = tf.Graph()
        # Grappler optimises each function of a SavedModel when it is first called. What
        # it would do to the session's graph before that is the same work twice.
        config = tf.compat.v1.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            with graph.as_default():
                loader = loader_impl.SavedModelLoader(str(path))
                meta = loader.load(self._session, ["serve"])
            self.definitions = meta.signature_def
            self.signatures = {
                name: Signature(self._session, definition)
                for name, definition in meta.signature_def.items()
                if definition.method_name in _METHODS
            }
            if not self.signatures:
                raise ValueError("it has no signature that could be served")
            self._warm_up(Path(path) / WARMUP_FILE)
        except BaseException:
            self.close()
            raise

    def signature(self, name):
        """The signature of a name, `serving_default` for an empty one.

        Raises:
            ServingError: FAILED_PRECONDITION, if there is none.
        """
        name = name or SERVING_DEFAULT
        if name not in self.signatures:
            raise ServingError(
                "FAILED_PRECONDITION", f'Serving signature key "{name}" not found.'
            )
        return self.signatures[name]

    def close(self):
        """Gives back the memory; nothing may run any more."""
        self._session.close()
        self.signatures = {}
        del self._session
        # The graph's Python objects refer to each other.
        gc.collect()

    def _warm_up(self, path):
        if not path.exists():
            return
        options = tf.data.Options()
        # Its thread can take a second to end.
        options.autotune.enabled = False
        dataset = tf.data.TFRecordDataset(str(path)).with_options(options)
        # While one signature's graph is optimised, by one processor, another's runs.
        with concurrent.futures.ThreadPoolExecutor(2, "warm-up") as threads:
            list(threads.map(self._replay, dataset.as_numpy_iterator()))

    def _replay(self, record):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.WhichOneof("log_type") != "predict_log":
            return
        request = log.predict_log.request
        inputs = {k: tensors.from_proto(v, k) for k, v in request.inputs.items()}
        signature = self.signature(request.model_spec.signature_name)
        signature.check(inputs)
        signature.run(inputs)


def _specs(infos):
    return {name: _spec(infos[name]) for name in sorted(infos)}


def _spec(info):
    dims = info.tensor_shape.dim
    batches = info.tensor_shape.unknown_rank or (bool(dims) and dims[0].size == -1)
    return TensorSpec(info.name, tf.as_dtype(info.dtype), bool(batches))


def rows(arrays):
    """The size of the first axis, if it is the same in all arrays; None otherwise.

    Args:
        arrays: dict from name to array.
    """
    sizes = {array.shape[:1] for array in arrays.values()}
    return sizes.pop()[0] if len(sizes) == 1 and () not in sizes else None
