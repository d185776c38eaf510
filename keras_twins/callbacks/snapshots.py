"""Snapshots of a model, taken while it is trained."""

import pathlib
from typing import Any

import keras
import tensorflow as tf

from keras_twins.callbacks.attempts import Attempts
from keras_twins.callbacks.tensorboard import Writer
from keras_twins.evaluation import snapshots


class Snapshots(keras.callbacks.Callback):
    """Keeps the cross-correlation matrix and the spectrum at start, middle and end.

    What is kept is described at `keras_twins.evaluation.snapshots.Snapshot`: a few
    hundred kilobytes, whatever the width and the number of epochs.

    Args:
        directory: path.
        pairs: batched `tf.data.Dataset` of `(view_a, view_b)`, the same ones each time.
        tensorboard: `keras_twins.callbacks.tensorboard.Writer` that shows the matrix
            too, or None.
        attempts: `keras_twins.callbacks.attempts.Attempts` that says which snapshot
            could not be taken; None for one of its own.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        pairs: tf.data.Dataset,
        tensorboard: Writer | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        super().__init__()
        self.directory = directory
        self.pairs = pairs
        self.tensorboard = tensorboard
        self.attempts = attempts or Attempts()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._taker = snapshots.Taker(self.model, self.pairs)
        if not keras.ops.convert_to_numpy(self.model.optimizer.iterations):
            self.attempts.attempt("snapshot", lambda: self._take(0))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        epochs = self.params["epochs"]
        if epoch + 1 in (epochs // 2, epochs):
            self.attempts.attempt("snapshot", lambda: self._take(epoch + 1))

    def _take(self, epochs):
        snapshot = self._taker.take(epochs)
        if snapshot is None:
            return  # The training has diverged, which its own callback tells.
        snapshots.save(self.directory, snapshot)
        if self.tensorboard:
            self.tensorboard.write_snapshot(snapshot)
