"""Random numbers and row keys that depend on (seed, key, view, stream) alone.

TensorFlow's stateless generators take one seed for a whole tensor, so that the draw
of an image depends on its row in the batch. Here each image has a key of its own and
the numbers of a batch are computed at once with SplitMix64 (Steele, Lea and Flood,
"Fast Splittable Pseudorandom Number Generators", 2014): a counter, multiplied by an
odd constant and mixed. It is integer arithmetic only, hence the same on every device.
"""

import numpy as np
import tensorflow as tf

from keras_twins import replicas

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)

# A step spreads one number over the rows of its batch (see `row_keys`).
ROWS_PER_STEP = 2**24


def image_states(seed, view, keys):
    """Returns one generator state per image.

    Args:
        seed: int. The seed of the whole layer.
        view: int. 0 for view a, 1 for view b, and so on.
        keys: int64 tensor of shape `(batch_size,)`.

    Returns:
        uint64 tensor of shape `(batch_size,)`.
    """
    stream = _mix_int(_mix_int((seed + _GOLDEN) & _MASK) ^ (view + 1))
    states = _mix(tf.bitcast(keys, tf.uint64) + _uint64(_GOLDEN))
    return _mix(tf.bitwise.bitwise_xor(states, _uint64(stream)))


def uniform(states, stream, count=1):
    """Returns `count` uniform numbers in [0, 1) per image.

    Args:
        states: uint64 tensor of shape `(batch_size,)`, from `image_states`.
        stream: int. Number of the first stream; streams `stream` to
            `stream + count - 1` are used, and each must serve one purpose only.
        count: int. Numbers per image.

    Returns:
        float32 tensor of shape `(batch_size, count)`, multiples of 2^-24.
    """
    steps = [(_GOLDEN * (stream + i + 1)) & _MASK for i in range(count)]
    # By way of NumPy: a list of such large integers reaches a graph as rounded floats.
    bits = _mix(states[:, None] + np.array([steps], np.uint64))
    return tf.cast(_shift(bits, 40), tf.float32) * 2.0**-24


def row_keys(step, rows):
    """Returns one key per row of a step's batch.

    On several replicas the rows are numbered over the global batch, whatever the sizes
    of the shards, so that a step gives the same views on one device and on many.

    Args:
        step: scalar int64 tensor, a number of the step's own.
        rows: scalar int tensor, the rows of this replica.

    Returns:
        int64 tensor of shape `(rows,)`.
    """
    rows = tf.cast(rows, tf.int64)
    return step * ROWS_PER_STEP + replicas.current().first_row(rows) + tf.range(rows)


def of_batch(keys, calls, batch, name):
    """Returns the keys of a batch that a layer of views was called with.

    Args:
        keys: None, a scalar that is spread over the rows, or one key per row.
        calls: `keras.random.SeedGenerator`, whose next number stands for None.
        batch: tensor of shape `(rows, ...)`.
        name: str, of the argument that is the batch.

    Returns:
        int64 tensor of shape `(rows,)`.

    Raises:
        ValueError: if there are more or fewer keys than rows.
    """
    if keys is None:
        keys = calls.next()[1]
    keys = tf.cast(keys, tf.int64)
    if keys.shape.rank == 0:
        return row_keys(keys, tf.shape(batch)[0])
    if not keys.shape.is_compatible_with(batch.shape[:1]):
        raise ValueError(
            f"Wrong shape of `keys`. Expected a scalar or one key per row of `{name}`. "
            f"Received: keys.shape={keys.shape}, {name}.shape={batch.shape}"
        )
    return keys


def _uint64(value):
    return tf.constant(value, tf.uint64)


def _shift(bits, places):
    return tf.bitwise.right_shift(bits, _uint64(places))


def _mix(bits):
    """SplitMix64's output function: every bit of the result depends on every bit."""
    for places, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        bits = tf.bitwise.bitwise_xor(bits, _shift(bits, places)) * _uint64(multiplier)
    return tf.bitwise.bitwise_xor(bits, _shift(bits, _SHIFTS[-1]))


def _mix_int(bits):
    """The same on a Python integer."""
    for places, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        bits = ((bits ^ (bits >> places)) * multiplier) & _MASK
    return bits ^ (bits >> _SHIFTS[-1])
