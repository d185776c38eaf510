"""Callbacks with which a run is stopped and goes on at any step."""

import time

import keras

from keras_twins.runs import checkpoints
from keras_twins.runs.checkpoints import Position
from keras_twins.runs.stops import Stopped


class GoOn(keras.callbacks.Callback):
    """Lets the first epoch of `fit` be the rest of one that was stopped.

    The data begin where the epoch was stopped, so that it ends after fewer steps than
    `fit` counts; its metrics go on from the values that the model has now.

    Args:
        model: `keras_twins.models.Twins` that has been restored.
        position: `Position` where it is, within an epoch.
        steps: int, steps of a whole epoch.
    """

    def __init__(self, model, position, steps):
        super().__init__()
        self.epoch = position.epoch
        self.steps_left = steps - position.step
        self._metrics = [checkpoints.local_value(v) for v in _metric_variables(model)]

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.distribute_strategy.run(self._assign)

    def _assign(self):
        # In the replicas: from outside, a sum would be shared among them.
        variables = _metric_variables(self.model)
        for variable, value in zip(variables, self._metrics, strict=True):
            variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        self.steps_left -= 1
        if self.steps_left == 0:
            # This ends the epoch alone: `on_epoch_end` takes it back.
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = False


class Checkpoint(keras.callbacks.Callback):
    """Writes checkpoints, and stops the run after a step where that was asked for.

    It comes last: a checkpoint at the end of an epoch says that all was written that
    the epoch has to write.

    Args:
        directory: path.
        position: `Position` where `fit` begins.
        steps: int, steps of a whole epoch.
        every_steps: int, steps between checkpoints; 0 for none within an epoch, whose
            end always is one.
        every_minutes: float, minutes between checkpoints; 0 for none.
        keep: int, how many checkpoints stay, 1 or more.
        writes: bool, whether this process is the one that writes.
        check: function of nothing that raises rather than let numbers that are not
            finite be written.
        stop_asked: function of nothing that says whether to stop after this step, the
            same in all workers.
        ask_every: int, steps between two calls of `stop_asked` within an epoch, which
            workers answer together: a run stops at most so many steps after it is
            asked to.

    Raises:
        Stopped: out of `fit`, after the checkpoint.
    """

    def __init__(
        self,
        directory,
        position,
        steps,
        *,
        every_steps,
        every_minutes,
        keep,
        writes,
        check,
        stop_asked,
        ask_every=1,
    ):
        super().__init__()
        self.directory = directory
        self.position = position
        self.steps = steps
        self.every_steps = every_steps
        self.every_minutes = every_minutes
        self.keep = keep
        self.writes = writes
        self.check = check
        self.stop_asked = stop_asked
        self.ask_every = ask_every
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.position = Position(self.position.epoch, self.position.step + 1)
        if self.position.step == self.steps:
            return  # `on_epoch_end` is next.
        # Counted from the start of the epoch, so that all workers ask after one step.
        stop = self.position.step % self.ask_every == 0 and self.stop_asked()
        if stop or self._due():
            self._save()
        if stop:
            raise Stopped(self.position)

    def on_epoch_end(self, epoch, logs=None):
        self.position = Position(epoch + 1, 0)
        self._save()
        if self.stop_asked() and epoch + 1 < self.params["epochs"]:
            raise Stopped(self.position)

    def _due(self):
        if self.every_steps and self.position.step % self.every_steps == 0:
            return True
        waited = time.monotonic() - self._saved_at
        return 0 < 60 * self.every_minutes <= waited

    def _save(self):
        self.check()
        if self.writes:
            checkpoints.save(self.model, self.directory, self.position, self.keep)
        self._saved_at = time.monotonic()


def _metric_variables(model):
    return [variable for metric in model.metrics for variable in metric.variables]
