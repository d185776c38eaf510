"""Callbacks of `fit`: what a run writes down while it goes on."""

import json
import os
import pathlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import keras

from keras_twins.errors import InputError
from keras_twins.workdir import write_text

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_twins.report.tensorboard import Writer

Logs: TypeAlias = dict[str, Any]


class OnlineEvaluation(keras.callbacks.Callback):
    """Adds what the embedding is worth to the logs, every few epochs.

    Of the test images' embeddings, `test_embedding_std`, `test_effective_rank` and
    `test_uniformity` (see `keras_twins.evaluation`); and `knn`, the accuracy of the
    nearest neighbours, where both datasets have labels; `evaluation_seconds` is what
    that took. Of the training images only features are held in memory. It comes before
    the callbacks that write the logs.

    Args:
        encoder: `keras.Model` that shares the weights being trained and takes what the
            datasets hold.
        train: batched `tf.data.Dataset` of `(images, labels)`, the bank; None where
            there are no labels.
        test: batched `tf.data.Dataset` of `(images, labels)`, or of images.
        every_epochs: int, 1 or more. The last epoch is always evaluated.
        k: int, the number of neighbours.
        temperature: float, of the neighbours' weights.
        tensorboard: `keras_twins.report.tensorboard.Writer` for a histogram of the
            features' deviations and, after the last epoch, the embedding projector;
            None for neither.
    """

    def __init__(
        self,
        encoder: keras.Model,
        train: "tf.data.Dataset | None",
        test: "tf.data.Dataset",
        every_epochs: int = 1,
        k: int = 200,
        temperature: float = 0.5,
        tensorboard: "Writer | None" = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.train = train
        self.test = test
        self.every_epochs = every_epochs
        self.k = k
        self.temperature = temperature
        self.tensorboard = tensorboard

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        last = epoch + 1 == self.params["epochs"]
        if (epoch + 1) % self.every_epochs and not last:
            return
        import numpy as np

        from keras_twins import evaluation

        began = time.monotonic()
        features, labels = evaluation.embed(self.encoder, self.test)
        if not np.isfinite(features).all():
            return  # The training has diverged, which its own callback tells.
        logs["test_embedding_std"] = evaluation.embedding_std(features)
        logs["test_effective_rank"] = evaluation.effective_rank(features)
        if len(features) > 1:
            logs["test_uniformity"] = evaluation.uniformity(features)
        if self.train is not None and labels is not None:
            self._add_knn(logs, features, labels)
        if self.tensorboard:
            self.tensorboard.write_deviations(epoch + 1, features.std(axis=0))
            if last:
                self.tensorboard.write_projector(features, labels, self.test)
        logs["evaluation_seconds"] = time.monotonic() - began
        if self.params.get("verbose") and "knn" in logs:
            print(f"epoch {epoch + 1}: kNN accuracy {100 * logs['knn']:.2f} %")

    def _add_knn(self, logs, features, labels):
        from keras_twins import evaluation

        bank = evaluation.embed(self.encoder, self.train)
        k = min(self.k, len(bank[0]))
        try:
            logs["knn"] = evaluation.knn_accuracy(
                *bank, features, labels, k=k, temperature=self.temperature
            )
        except InputError as error:
            # Labels that cannot be used are no reason to stop a training without them.
            print(f"no kNN accuracy while training: {error}")
            self.train = None


class Snapshots(keras.callbacks.Callback):
    """Keeps the cross-correlation matrix and the spectrum at start, middle and end.

    What is kept is described at `keras_twins.report.snapshots.Snapshot`: a few hundred
    kilobytes, whatever the width and the number of epochs.

    Args:
        directory: path.
        pairs: batched `tf.data.Dataset` of `(view_a, view_b)`, the same ones each time.
        tensorboard: `keras_twins.report.tensorboard.Writer` that shows the matrix too,
            or None.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        pairs: "tf.data.Dataset",
        tensorboard: "Writer | None" = None,
    ) -> None:
        super().__init__()
        self.directory = directory
        self.pairs = pairs
        self.tensorboard = tensorboard

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not keras.ops.convert_to_numpy(self.model.optimizer.iterations):
            self._take(0)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        epochs = self.params["epochs"]
        if epoch + 1 in (epochs // 2, epochs):
            self._take(epoch + 1)

    def _take(self, epochs):
        from keras_twins.report import snapshots

        snapshot = snapshots.take(self.model, self.pairs, epochs)
        if snapshot is None:
            return  # The training has diverged, which its own callback tells.
        snapshots.save(self.directory, snapshot)
        if self.tensorboard:
            self.tensorboard.write_snapshot(snapshot)


class MetricsFile(keras.callbacks.Callback):
    """Writes one line of JSON an epoch: epoch, seconds, and all the logs.

    Args:
        path: path of the file.
        lines: list of dict, those of epochs that have been trained; what else is in the
            file is dropped.
    """

    def __init__(
        self, path: pathlib.Path, lines: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__()
        self.path = path
        write_text(path, "".join(json.dumps(line) + "\n" for line in lines))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        line = {"epoch": epoch + 1, "seconds": time.monotonic() - self._began}
        line |= {name: float(value) for name, value in (logs or {}).items()}
        line["learning_rate"] = float(self.model.optimizer.learning_rate)
        with self.path.open("a") as file:
            print(json.dumps(line), file=file, flush=True)
            os.fsync(file.fileno())  # A checkpoint that follows relies on it.
