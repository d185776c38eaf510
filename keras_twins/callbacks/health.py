"""Callbacks that end a run whose numbers have gone wrong, and say which."""

import math

import keras
import tensorflow as tf

from keras_twins.errors import InputError
from keras_twins.runs.checkpoints import newest

_SUGGESTION = (
    "lower --config.optimizer.learning_rate, lengthen "
    "--config.optimizer.warmup_epochs or raise --config.loss.eps"
)


class Finite(keras.callbacks.Callback):
    """Ends the run once a number is not finite.

    The flags of all weights are read every `every_steps` steps, since reading them
    makes the host wait for the device; also at the end of each epoch, and by `check`,
    which whoever writes a checkpoint calls before. So a run ends at most `every_steps`
    steps after the first such number, and all checkpoints are finite.

    Args:
        directory: path of the checkpoints.
        first_step: int, steps of the epoch that lie before the first one of `fit`.
        every_steps: int, 1 or more.

    Raises:
        InputError: out of `fit`, with the steps and the tensor.
    """

    def __init__(self, directory, first_step=0, every_steps=16):
        super().__init__()
        self.directory = directory
        self.every_steps = every_steps
        self._step = self._checked = first_step

    def on_train_begin(self, logs=None):
        weights = [_local(weight) for weight in self.model.weights]

        @tf.function
        def finite():
            return tf.stack([_is_finite(weight) for weight in weights])

        self._finite = finite

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        self._logs = logs
        if self._step - self._checked >= self.every_steps:
            self.check()

    def on_epoch_end(self, epoch, logs=None):
        self.check()
        self._step = self._checked = 0

    def check(self):
        """Raises InputError if the loss or a weight is not finite after this step."""
        if self._step == self._checked:
            return
        # The mean of the epoch: one loss that is not finite stays in it.
        if not math.isfinite(self._logs["loss"]):
            self._stop("the loss is not finite")
        finite = self._finite().numpy()
        if not finite.all():
            name = self.model.weights[int(finite.argmin())].path
            self._stop(
                f"{name} is not finite, though the loss was: its gradient overflowed"
            )
        self._checked = self._step

    def _stop(self, what):
        checkpoint = newest(self.directory)
        kept = "no checkpoint had been written"
        if checkpoint:
            kept = f"the last checkpoint, {checkpoint[1]}, is finite"
        first, last = self._checked + 1, self._step
        steps = f"step {last}" if first == last else f"steps {first} to {last}"
        raise InputError(
            f"{steps} of epoch {self._epoch + 1}: {what}; {kept}; {_SUGGESTION}"
        )


class Collapse(keras.callbacks.Callback):
    """Warns of, or ends, a run whose embeddings extend over few directions.

    Args:
        room: int, the directions that the embeddings of a batch can extend over: the
            smaller of the embedding's width and the batch.
        rank_share: float in 0..1. Of the directions beyond the first, which any batch
            has, the share below which a participation ratio is low.
        epochs: int, how many epochs in a row it must be low.
        stop: bool, whether that ends the run.
        past_ratios: participation ratios of the epochs that were trained before.

    Raises:
        InputError: out of `fit`, where the settings ask for it.
    """

    def __init__(self, room, *, rank_share, epochs, stop, past_ratios=()):
        super().__init__()
        self.room = room
        self.rank_share = rank_share
        self.epochs = epochs
        self.stop = stop
        self._in_a_row = 0
        for ratio in past_ratios:
            self._count(ratio)

    def on_epoch_end(self, epoch, logs=None):
        self._count(logs["participation_ratio"])
        if self.stop and self._in_a_row >= self.epochs:
            raise InputError(f"epoch {epoch + 1}: {self._text(logs)}")
        if self._in_a_row == self.epochs:
            print(f"warning, epoch {epoch + 1}: {self._text(logs)}")

    def _count(self, ratio):
        low = ratio - 1.0 < self.rank_share * (self.room - 1)
        self._in_a_row = self._in_a_row + 1 if low else 0

    def _text(self, logs):
        return (
            f"the embeddings have collapsed: for {self.epochs} epochs they extend over "
            f"fewer than {self.rank_share:.1%} of {self.room} directions "
            f"(participation ratio {logs['participation_ratio']:.1f}); {_SUGGESTION}"
        )


def _local(variable):
    """The variable of one replica: all hold the same weights."""
    value = variable.value
    return getattr(value, "values", (value,))[0]


def _is_finite(variable):
    if not variable.dtype.is_floating:
        return tf.constant(True)
    return tf.reduce_all(tf.math.is_finite(variable))
