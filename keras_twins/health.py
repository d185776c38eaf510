"""Callbacks that end a run whose numbers have gone wrong, and say which."""

import math

import keras
import tensorflow as tf

from keras_twins.checkpoints import newest
from keras_twins.errors import InputError

_SUGGESTION = (
    "lower --config.optimizer.learning_rate, lengthen "
    "--config.optimizer.warmup_epochs or raise --config.loss.eps"
)


class Finite(keras.callbacks.Callback):
    """Ends the run after the first step that left a number that is not finite.

    It comes before the callback that writes checkpoints: all of them are finite.

    Args:
        directory: path of the checkpoints.
        first_step: int, steps of the epoch that lie before the first one of `fit`.

    Raises:
        InputError: out of `fit`, with step and tensor.
    """

    def __init__(self, directory, first_step=0):
        super().__init__()
        self.directory = directory
        self._step = first_step

    def on_train_begin(self, logs=None):
        weights = [_local(weight) for weight in self.model.weights]

        @tf.function
        def finite():
            return tf.stack([_is_finite(weight) for weight in weights])

        self._finite = finite

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self._step = 0

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        finite = self._finite().numpy()
        # The mean of the epoch: one loss that is not finite stays in it.
        if not math.isfinite(logs["loss"]):
            self._stop("the loss is not finite")
        if not finite.all():
            name = self.model.weights[int(finite.argmin())].path
            self._stop(
                f"{name} is not finite, though the loss was: its gradient overflowed"
            )

    def _stop(self, what):
        checkpoint = newest(self.directory)
        kept = "no checkpoint had been written"
        if checkpoint:
            kept = f"the last checkpoint, {checkpoint[1]}, is finite"
        raise InputError(
            f"step {self._step} of epoch {self._epoch + 1}: {what}; {kept}; "
            f"{_SUGGESTION}"
        )


class Collapse(keras.callbacks.Callback):
    """Warns of, or ends, a run whose embeddings extend over few directions.

    Args:
        room: int, the directions that the embeddings of a batch can extend over: the
            smaller of the embedding's width and the batch.
        settings: `config.collapse`: a `participation_ratio` below `rank_share` of the
            room for `epochs` epochs in a row; `stop`, whether that ends the run.
        ranks: participation ratios of the epochs that were trained before.

    Raises:
        InputError: out of `fit`, where the settings ask for it.
    """

    def __init__(self, room, settings, ranks=()):
        super().__init__()
        self.room = room
        self.settings = settings
        self._in_a_row = 0
        for rank in ranks:
            self._count(rank)

    def on_epoch_end(self, epoch, logs=None):
        self._count(logs["participation_ratio"])
        settings = self.settings
        if settings.stop and self._in_a_row >= settings.epochs:
            raise InputError(f"epoch {epoch + 1}: {self._text(logs)}")
        if self._in_a_row == settings.epochs:
            print(f"warning, epoch {epoch + 1}: {self._text(logs)}")

    def _count(self, rank):
        low = rank < self.settings.rank_share * self.room
        self._in_a_row = self._in_a_row + 1 if low else 0

    def _text(self, logs):
        return (
            f"the embeddings have collapsed: for {self.settings.epochs} epochs they "
            f"extend over fewer than {self.settings.rank_share:.0%} of {self.room} "
            "directions (participation ratio "
            f"{logs['participation_ratio']:.1f}); {_SUGGESTION}"
        )


def _local(variable):
    """The variable of one replica: all hold the same weights."""
    value = variable.value
    return getattr(value, "values", (value,))[0]


def _is_finite(variable):
    if not variable.dtype.is_floating:
        return tf.constant(True)
    return tf.reduce_all(tf.math.is_finite(variable))
