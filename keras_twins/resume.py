"""Callbacks with which a run is stopped and goes on at any step."""

import time

import keras

from keras_twins import checkpoints
from keras_twins.checkpoints import Position
from keras_twins.stops import Stopped


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
        settings: `config.checkpoint`: `every_steps`, `every_minutes` (0 for none; the
            end of an epoch always is one) and `keep`.
        writes: bool, whether this process is the one that writes.
        stop_asked: function of nothing that says whether to stop after this step, the
            same in all workers.

    Raises:
        Stopped: out of `fit`, after the checkpoint.
    """

    def __init__(self, directory, position, steps, settings, writes, stop_asked):
        super().__init__()
        self.directory = directory
        self.position = position
        self.steps = steps
        self.settings = settings
        self.writes = writes
        self.stop_asked = stop_asked
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.position = Position(self.position.epoch, self.position.step + 1)
        if self.position.step == self.steps:
            return  # `on_epoch_end` is next.
        stop = self.stop_asked()
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
        steps, minutes = self.settings.every_steps, self.settings.every_minutes
        if steps and self.position.step % steps == 0:
            return True
        return minutes > 0 and time.monotonic() - self._saved_at >= 60 * minutes

    def _save(self):
        if self.writes:
            checkpoints.save(
                self.model, self.directory, self.position, self.settings.keep
            )
        self._saved_at = time.monotonic()


def _metric_variables(model):
    return [variable for metric in model.metrics for variable in metric.variables]
