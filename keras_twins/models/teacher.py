"""The teacher: a slow copy of the networks, whose projections are the targets."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from keras_twins.types import Tensor

Momentum: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule

# A schedule is looked at here. What it gives later than the last it gives for ever.
_STEPS = (0, *(10**power for power in range(10)))


class Teacher(keras.layers.Layer):
    """A moving average of an encoder and a projector.

    It begins as their copy. After each step of the optimizer, each of its trainable
    weights t goes towards the student's s: `t + (1 - momentum) (s - t)`. Statistics of
    batch norm are of the teacher's own passes, in training mode.

    Args:
        encoder: `keras.Model`, as of `Twins`.
        projector: `keras.Model`, as of `Twins`.
        momentum: float in 0..1, or schedule of it.
    """

    def __init__(
        self, encoder: keras.Model, projector: keras.Model, momentum: Momentum
    ) -> None:
        super().__init__(autocast=False, name="teacher")
        self.encoder = _copy(encoder)
        self.projector = _copy(projector)
        self.momentum = momentum
        self.built = True

    @property
    def trainable(self) -> bool:
        """True, for batch norm to act as in training, though no weight is trainable."""
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Leaves all as it is: `model.trainable = True` is not meant for a teacher."""

    def call(self, view: Tensor, training: bool | None = None) -> Tensor:
        """The projections of a view, through which no gradient passes."""
        embeddings = self.encoder(view, training=training)
        return ops.stop_gradient(self.projector(embeddings, training=training))

    def begin_as(self, encoder: keras.Model, projector: keras.Model) -> None:
        """Takes all weights of a student, as at the beginning of a training.

        Args:
            encoder: `keras.Model`, as that of `Twins`.
            projector: `keras.Model`, as that of `Twins`.
        """
        self.encoder.set_weights(encoder.get_weights())
        self.projector.set_weights(projector.get_weights())

    def share(self, before: Tensor, after: Tensor) -> Tensor:
        """How far it goes towards the student: float32 in 0..1.

        Args:
            before: the optimizer's `iterations` before it was given the gradients.
            after: the same afterwards: one more, but for gradients that were only
                accumulated, or not finite. The teacher then stays as it is.
        """
        momentum = self.momentum
        if not isinstance(momentum, (int, float)):
            momentum = momentum(before)
        # The last value of a cosine to 1 is a rounding error off.
        share = ops.clip(1.0 - ops.cast(momentum, "float32"), 0.0, 1.0)
        return ops.where(after > before, share, 0.0)

    def pairs(
        self, encoder: keras.Model, projector: keras.Model
    ) -> Iterator[tuple[Any, Any]]:
        """`(teacher's, student's)` variables that are averaged."""
        students = (encoder, projector)
        for mine, student in zip((self.encoder, self.projector), students, strict=True):
            for weight, other in zip(mine.weights, student.weights, strict=True):
                if other.trainable:
                    yield weight, other


def towards(weight: Any, other: Any, share: Tensor) -> Any:
    """Moves a variable by a share of its difference from another one."""
    share = ops.cast(share, keras.backend.standardize_dtype(weight.dtype))
    return weight.assign(weight + share * (other - weight))


def check_momentum(momentum: Any) -> None:
    """Refuses what no moving average has as its momentum.

    Raises:
        ValueError: for all but a number in 0..1 and schedules that stay there.
    """
    if isinstance(momentum, keras.optimizers.schedules.LearningRateSchedule):
        values = {step: float(ops.convert_to_numpy(momentum(step))) for step in _STEPS}
    elif _is_number(momentum):
        values = {0: momentum}
    else:
        values = {0: np.nan}
    for step, value in values.items():
        # A cosine to 1 may miss it by a rounding error.
        if not 0 <= value <= 1 + 1e-6:
            found = f", which is {value} at step {step}" if len(values) > 1 else ""
            raise ValueError(
                "Invalid value for argument `momentum`. Expected None, a number in "
                "0..1, or a `keras.optimizers.schedules` schedule of such numbers. "
                f"Received: momentum={momentum!r}{found}"
            )


def _is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _copy(network):
    """The same network with weights of its own, none of which is trainable."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for weight in copy.weights:
        weight.trainable = False
    return copy
