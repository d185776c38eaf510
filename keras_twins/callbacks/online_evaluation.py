"""Measures the embedding while a training goes on."""

import functools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.callbacks.attempts import Attempts
from keras_twins.callbacks.tensorboard import Writer
from keras_twins.evaluation.labelled import Labelled


class OnlineEvaluation(keras.callbacks.Callback):
    """Adds what the embedding is worth to the logs, every few epochs.

    Of the test images' embeddings, `test_embedding_std`, `test_effective_rank` and
    `test_uniformity` (see `keras_twins.evaluation`); and `knn`, the accuracy of the
    nearest neighbours, where both datasets have labels; `evaluation_seconds` is what
    that took. Of the training images only features are held in memory. It comes before
    the callbacks that write the logs. What cannot be measured is said once, and the
    training goes on.

    Args:
        encoder: `keras.Model` that shares the weights being trained and takes what the
            datasets hold.
        train: batched `tf.data.Dataset` of `(images, labels)`, the bank; None where
            there are no labels.
        test: batched `tf.data.Dataset` of `(images, labels)`, or of images.
        every_epochs: int, 1 or more. The last epoch is always evaluated.
        k: int, the number of neighbours.
        temperature: float, of the neighbours' weights.
        tensorboard: `keras_twins.callbacks.tensorboard.Writer` for a histogram of the
            features' deviations and, after the last epoch, the embedding projector;
            None for neither.
        attempts: `keras_twins.callbacks.attempts.Attempts` that says what could not be
            measured; None for one of its own.
    """

    def __init__(
        self,
        encoder: keras.Model,
        train: tf.data.Dataset | None,
        test: tf.data.Dataset,
        every_epochs: int = 1,
        k: int = 200,
        temperature: float = 0.5,
        tensorboard: Writer | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.train = train
        self.test = test
        self.every_epochs = every_epochs
        self.k = k
        self.temperature = temperature
        self.tensorboard = tensorboard
        self.attempts = attempts or Attempts()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        last = epoch + 1 == self.params["epochs"]
        if (epoch + 1) % self.every_epochs and not last:
            return
        began = time.monotonic()
        attempt = self.attempts.attempt
        embedded = attempt(
            "evaluation", lambda: evaluation.embed(self.encoder, self.test)
        )
        if embedded is None or not np.isfinite(embedded[0]).all():
            return  # A training that has diverged is told by its own callback.
        features, labels = embedded
        for name, measure in _DIAGNOSTICS.items():
            if len(features) >= _FEWEST[name]:
                value = attempt(name, functools.partial(measure, features))
                if value is not None:
                    logs[name] = value
        if self.train is not None and labels is not None:
            value = attempt("kNN", lambda: self._knn(features, labels))
            if value is not None:
                logs["knn"] = value
        if self.tensorboard:
            attempt(
                "TensorBoard", lambda: self._show(epoch + 1, features, labels, last)
            )
        logs["evaluation_seconds"] = time.monotonic() - began
        if self.params.get("verbose") and "knn" in logs:
            print(f"epoch {epoch + 1}: kNN accuracy {100 * logs['knn']:.2f} %")

    def _knn(self, features, labels):
        """The accuracy of the neighbours, or None where labels allow none."""
        bank = evaluation.embed(self.encoder, self.train)
        data = Labelled(*bank, features, labels).of_known_classes()
        if data.limit:
            self.attempts.missing("kNN", data.limit)
            self.train = None  # Labels stay as they are.
            return None
        settings = data.settings(self.k, few=0, percentages=())
        for note in settings.notes:
            self.attempts.note(note)
        return evaluation.knn_accuracy(
            *data.arrays, k=settings.k, temperature=self.temperature
        )

    def _show(self, epoch, features, labels, last):
        self.tensorboard.write_deviations(epoch, features.std(axis=0))
        if last:
            self.tensorboard.write_projector(features, labels, self.test)


# Few images extend over few directions, whatever the encoder.
_FEWEST = {"test_embedding_std": 2, "test_effective_rank": 16, "test_uniformity": 2}
_DIAGNOSTICS = {
    "test_embedding_std": evaluation.embedding_std,
    "test_effective_rank": evaluation.effective_rank,
    "test_uniformity": evaluation.uniformity,
}
