"""Random numbers of a loss: those of (seed, step, stream), the same on all replicas.

Nothing is kept from draw to draw, so that a training that goes on draws what one that
was never stopped would have drawn. A loss does not count steps; who runs them says
which one it is.
"""

import contextlib
import contextvars
import zlib
from collections.abc import Iterator

import keras
from keras import ops

from keras_twins.types import Tensor

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

_STEP: contextvars.ContextVar[Tensor] = contextvars.ContextVar("step", default=0)
# Left to itself, TensorFlow takes another one where XLA compiles the step.
_GENERATOR = "philox"


@contextlib.contextmanager
def at_step(number: Tensor) -> Iterator[None]:
    """Says which step runs, to the losses that draw anew in each.

    Outside of it the step is 0. A number that is saved with the training, such as
    `optimizer.iterations`, makes one that goes on draw as if it had not been stopped.

    Args:
        number: int, or integer scalar tensor or variable.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> loss = kt.losses.SIGRegLoss(slices=16)
        >>> values = []
        >>> for step in (0, 1, 0):
        ...     with kt.losses.at_step(step):
        ...         values.append(float(loss(*z)))
        >>> values[0] == values[2], values[0] == values[1]
        (True, False)
    """
    token = _STEP.set(number)
    try:
        yield
    finally:
        _STEP.reset(token)


def normal(shape: tuple[int, ...], seed: int, stream: str) -> Tensor:
    """Standard normal numbers of the running step, float32.

    Args:
        shape: of what is returned.
        seed: int, of the loss.
        stream: str, a name of its own for each purpose of a loss.
    """
    numbers = _numbers(seed, stream)
    if keras.backend.backend() == "tensorflow":
        return tf.random.stateless_normal(shape, numbers, alg=_GENERATOR)
    return keras.random.normal(shape, dtype="float32", seed=_Seed(numbers))


def uniform(shape: tuple[int, ...], limit: float, seed: int, stream: str) -> Tensor:
    """Numbers of the running step in 0..limit, otherwise as `normal`."""
    numbers = _numbers(seed, stream)
    if keras.backend.backend() == "tensorflow":
        return limit * tf.random.stateless_uniform(shape, numbers, alg=_GENERATOR)
    return keras.random.uniform(shape, 0.0, limit, "float32", seed=_Seed(numbers))


def _numbers(seed, stream):
    """What the draw depends on: the step, and seed and stream in one, `(2,)`."""
    dtype = "uint32" if keras.backend.backend() == "jax" else "int32"
    step = ops.cast(ops.convert_to_tensor(_STEP.get()), dtype)
    mixed = zlib.crc32(f"{seed} {stream}".encode()) % 2**31
    return ops.stack([step, ops.convert_to_tensor(mixed, dtype=dtype)])


class _Seed(keras.random.SeedGenerator):
    """Gives the same numbers each time, where Keras's has a counter of its own.

    Keras's generators take a tensor for a seed in this form alone.
    """

    def __init__(self, numbers):
        # Not `super().__init__`, which makes a variable: no step may.
        self._numbers = numbers

    def next(self, ordered=True):
        return self._numbers
