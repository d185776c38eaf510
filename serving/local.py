"""An exported model in this process, which embeds as a server does."""

import hashlib
import os
from pathlib import Path

from keras_twins.export.signatures import SERVING_DEFAULT
from keras_twins.serving import model_input
from keras_twins.serving.embedder import Embedder
from keras_twins.serving.transports import Model, Refused

# Which of its files say what a model computes. The index holds a checksum of each of
# its weights.
_FILES = ("saved_model.pb", "variables/variables.index")


class ExportedModel(Embedder):
    """Embeds files with one version of an exported model.

    While one batch is embedded, others are read and converted.

    Args:
        version_dir: path of the version's folder.
        batch_size: int. Files in a batch.
        batches_at_a_time: int. Defaults to one more than keeps every core busy, since a
            batch also waits for the disk.

    Raises:
        InputError: if the folder holds no model or one of another kind.
    """

    def __init__(self, version_dir, batch_size=32, batches_at_a_time=None):
        at_a_time = batches_at_a_time or len(os.sched_getaffinity(0)) + 1
        super().__init__(_Transport(version_dir), 0, batch_size, at_a_time)


def describe(version_dir):
    """Which model a version's folder holds, a `Model`; TensorFlow is not needed."""
    digest = hashlib.sha256()
    for name in _FILES:
        path = Path(version_dir, name)
        if path.exists():
            digest.update(path.read_bytes())
    return Model(str(version_dir), f"sha256 {digest.hexdigest()}")


class _Transport:
    """As those of `keras_twins.serving.transports`, without a server."""

    meets_others = False

    def __init__(self, version_dir):
        # TensorFlow starts when a model is loaded, not when a client is imported.
        import tensorflow as tf

        from keras_twins.export.loading import load_function  # It imports TensorFlow.

        self._tf = tf
        self._input = model_input.of_version(version_dir)
        name = self._input.name
        self._function = load_function(version_dir, SERVING_DEFAULT, name)
        self._model = describe(version_dir)

    def embed(self, name, encoded):
        failures = self._tf.errors
        try:
            return self._function(self._tf.constant(encoded)).numpy()
        except (
            failures.InvalidArgumentError,
            failures.ResourceExhaustedError,
        ) as error:
            raise Refused(error.message) from error

    def input(self):
        return self._input

    def model(self):
        return self._model

    def close(self):
        pass
