"""How long a step of a training takes, measured on steps that leave no trace."""

import statistics
import time
from typing import NamedTuple

import keras

from keras_twins.runs import checkpoints

# The first steps trace the function, fill the pipeline and warm caches.
_WARM_UP, _MEASURED = 2, 8

# What evaluation, checkpoints and the end of epochs leave of the time.
_SHARE_OF_STEPS = 0.9


class Pace(NamedTuple):
    """How fast a training goes.

    Attributes:
        seconds_per_step: float.
        spent: float, seconds that the measurement took.
        start: float, seconds until the first step was done, as the training needs them
            again.
    """

    seconds_per_step: float
    spent: float
    start: float

    def minutes(self, steps):
        """How long so many steps take, with what else a training does, a float."""
        return (self.start + self.seconds_per_step * steps / _SHARE_OF_STEPS) / 60


def measure(model, pairs, steps):
    """Measures the pace of a training; weights and optimizer are as they were then.

    Args:
        model: compiled `keras_twins.models.Twins` with its optimizer built.
        pairs: `tf.data.Dataset`, the training's batches from its beginning.
        steps: int, how many batches there are, 1 or more.

    Returns:
        `Pace`.
    """
    state = checkpoints.state(model)
    clock = _Clock()
    model.fit(
        pairs,
        steps_per_epoch=min(steps, _WARM_UP + _MEASURED),
        epochs=1,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    checkpoints.assign(model, state)
    times = clock.times
    lengths = [after - before for before, after in zip(times, times[1:], strict=False)]
    return Pace(
        statistics.median(lengths[_WARM_UP:] or lengths),
        times[-1] - times[0],
        lengths[0],
    )


def epochs_in(minutes, pace, steps_per_epoch):
    """How many epochs fit into some minutes, an int of 1 or more.

    Args:
        minutes: float, from the beginning of the measurement.
        pace: `Pace`.
        steps_per_epoch: int.
    """
    left = 60 * minutes - pace.spent - pace.start
    length = pace.seconds_per_step * steps_per_epoch
    return max(1, int(_SHARE_OF_STEPS * left / length))


class _Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.times = [time.monotonic()]

    def on_train_batch_end(self, batch, logs=None):
        # Reading a number waits for the device.
        keras.ops.convert_to_numpy(self.model.optimizer.iterations)
        self.times.append(time.monotonic())
