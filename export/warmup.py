"""Requests that TensorFlow Serving replays when it loads a version."""

import numpy as np
import tensorflow as tf
from absl import logging

from keras_twins.export.signatures import SERVING_DEFAULT

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup_requests(version_dir, graph, files, element, batch_sizes):
    """Writes one request for each signature and batch size.

    Without the package `tensorflow-serving-api` the file is left out and a warning
    says so: the version serves as well, its first requests are slower.

    Args:
        version_dir: path. The SavedModel's folder.
        graph: `keras_twins.export.graph.EmbeddingGraph`.
        files: list of bytes, repeated to fill a batch.
        element: array, which the other signature gets as often as a batch is large.
        batch_sizes: iterable of int.

    Returns:
        bool. Whether the file was written.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        logging.warning(
            "No warm-up requests were written: they need tensorflow-serving-api. "
            'Install it with: pip install "keras-twins[serving]"'
        )
        return False
    path = version_dir / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in batch_sizes:
            feeds = {
                SERVING_DEFAULT: (graph.input_name, _repeated(files, size)),
                graph.arrays.signature: (
                    graph.arrays.name,
                    np.stack([element] * size),
                ),
            }
            for signature, (name, value) in feeds.items():
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = signature
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
    return True


def _repeated(values, count):
    return [values[i % len(values)] for i in range(count)]
