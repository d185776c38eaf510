"""Measures the embedding while a training goes on."""

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.callbacks.tensorboard import Writer
from keras_twins.errors import InputError


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
        tensorboard: `keras_twins.callbacks.tensorboard.Writer` for a histogram of the
            features' deviations and, after the last epoch, the embedding projector;
            None for neither.
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
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.train = train
        self.test = test
        self.every_epochs = every_epochs
        self.k = k
        self.temperature = temperature
        self.tensorboard = tensorboard

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        last = epoch + 1 == self.params["epochs"]
        if (epoch + 1) % self.every_epochs and not last:
            return
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
        bank = evaluation.embed(self.encoder, self.train)
        k = min(self.k, len(bank[0]))
        try:
            logs["knn"] = evaluation.knn_accuracy(
                *bank, features, labels, k=k, temperature=self.temperature
            )
        except InputError as error:
            # The training does not need the labels, so it goes on without them.
            print(f"no kNN accuracy while training: {error}")
            self.train = None
