"""Rows of unit length, and means over the rows of the global batch."""

from keras import ops

from keras_twins import replicas
from keras_twins.losses.statistics import inverse_root


def unit_rows(z):
    """The rows of `z` `(n, D)`, scaled to length 1; a row of zeros stays one.

    A row is divided by its largest entry first, so that no square leaves the range of
    float32. The result does not depend on that number, which needs no gradient.
    """
    largest = ops.stop_gradient(ops.max(ops.abs(z), axis=1, keepdims=True))
    scaled = z / ops.where(largest > 0.0, largest, 1.0)
    squares = ops.sum(ops.square(scaled), axis=1, keepdims=True)
    return scaled * inverse_root(squares)


def batch_mean(values, n):
    """The mean over the global batch of one number per row, or of several.

    Args:
        values: `(n, ...)`, those of this replica's rows.
        n: float32 scalar, the size of the global batch.

    Returns:
        `(...)` float32, from which all replicas compute the same result.
    """
    return replicas.current().total(ops.sum(values, axis=0)) / n
