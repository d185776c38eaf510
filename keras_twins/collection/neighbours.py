"""Exact nearest neighbours by cosine similarity, block by block."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.errors import InputError
from keras_twins.float32 import exact_products

_QUERIES_AT_A_TIME = 256


class Neighbours:
    """Searches a collection for the embeddings that are nearest to some queries.

    The search compares every query with every embedding, by cosine similarity in
    float32. It reads the embeddings in blocks, so they may be mapped from a file that
    is larger than memory: beside them, a search holds the queries, its answer and one
    block.

    Args:
        embeddings: `(N, D)` array, in memory or mapped from a file; N and D are 1 or
            more. It is not copied.

    Raises:
        InputError: for embeddings that hold NaN or infinity.
        ValueError: for an array of another shape.

    Examples:
        >>> import keras_twins as kt
        >>> found = kt.collection.Neighbours([[1, 0], [0, 1], [3, 4]])
        >>> indices, similarities = found.search([[2, 0]], k=2)
        >>> indices
        array([[0, 2]])
        >>> similarities
        array([[1. , 0.6]], dtype=float32)
    """

    def __init__(self, embeddings: npt.ArrayLike) -> None:
        self._embeddings = _matrix("embeddings", embeddings)
        self._lengths = _lengths("embeddings", self._embeddings)

    def search(
        self, queries: npt.ArrayLike, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Finds the k nearest embeddings of each query.

        Of two embeddings that are equally near, the one with the lower row number comes
        first. An embedding of zeros has a similarity of 0 to all others.

        Args:
            queries: `(Q, D)` array; Q is 1 or more.
            k: int in 1..N.

        Returns:
            `(Q, k)` int64 array of row numbers, nearest first, and the `(Q, k)` float32
            array of their cosine similarities, in -1..1 up to rounding.

        Raises:
            InputError: for queries that hold NaN or infinity.
            ValueError: for queries of another width, or a k outside of 1..N.
        """
        queries = _matrix("queries", queries)
        count, width = self._embeddings.shape
        if queries.shape[1] != width:
            raise ValueError(
                "Queries and embeddings must come from one encoder. Expected queries "
                f"of width {width}. Received: shape={queries.shape}"
            )
        if not 1 <= k <= count:
            raise ValueError(
                "Invalid value for argument `k`. Expected an integer in "
                f"1..{count}, the number of embeddings. Received: k={k}"
            )
        queries = _unit(queries, _lengths("queries", queries))
        parts = [
            queries[start : start + _QUERIES_AT_A_TIME]
            for start in range(0, len(queries), _QUERIES_AT_A_TIME)
        ]
        nearest = [
            (np.empty((len(part), 0), np.float32), np.empty((len(part), 0), np.int64))
            for part in parts
        ]
        with exact_products():
            # The embeddings pass by once: reading them may be the slowest part.
            for rows in _blocks(self._embeddings, k):
                self._search_block(rows, parts, nearest, k)
        similarities, indices = zip(*nearest, strict=True)
        return np.concatenate(indices), np.concatenate(similarities)

    def _search_block(self, rows, parts, nearest, k):
        """Puts the neighbours in some rows into the list of those found so far."""
        block = tf.constant(_unit(self._embeddings[rows], self._lengths[rows]))
        first, k = tf.constant(rows.start, tf.int64), tf.constant(k, tf.int32)
        for i, part in enumerate(parts):
            merged = _merge(part, block, *nearest[i], first, k)
            nearest[i] = tuple(found.numpy() for found in merged)


def _matrix(name, array):
    array = np.asarray(array)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"The {name} must be a matrix. Expected a shape `(N, D)` with N and D of 1 "
            f"or more. Received: shape={array.shape}"
        )
    return array


def _blocks(array, k):
    """Slices of a matrix, from its first row to its last."""
    count, width = array.shape
    size = _rows_at_a_time(width, k)
    return [slice(start, start + size) for start in range(0, count, size)]


def _rows_at_a_time(width, k):
    """How many embeddings are compared in one step.

    Each block's k nearest are put in order, so a large k is faster with large blocks. A
    block takes 128 MB at most, and its similarities 64 MB.
    """
    return max(1, min(max(16_384, 256 * k), 65_536, 2**25 // width))


def _lengths(name, array):
    """The length of each row, `(N,)` float64, or how many rows have none.

    In float64, because the square of a large or a tiny float32 is not a float32.
    """
    lengths = np.empty(len(array))
    for rows in _blocks(array, 1):
        block = array[rows]
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        lengths[rows] = np.sqrt(squares)
    wrong = len(array) - int(np.isfinite(lengths).sum())
    if wrong:
        raise InputError(
            f"The {name} are not finite. Expected no NaN and no infinity. "
            f"Received: {wrong} of {len(array)} rows that hold one"
        )
    return lengths


def _unit(rows, lengths):
    """Rows at length 1, `(n, D)` float32; rows of zeros stay as they are."""
    factors = 1.0 / np.where(lengths > 0, lengths, 1.0)
    unit = np.empty(rows.shape, np.float32)
    np.multiply(rows, factors[:, np.newaxis], out=unit, casting="same_kind")
    return unit


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.int64),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.int32),
    ]
)
def _merge(queries, block, similarities, indices, first, k):
    """The k nearest of those so far and of a block that begins at row `first`.

    `top_k` puts the first of equal values first. So the lower row number wins, within
    a block and, because blocks come in their order, between blocks.
    """
    values, columns = tf.math.top_k(
        tf.matmul(queries, block, transpose_b=True), tf.minimum(k, tf.shape(block)[0])
    )
    values = tf.concat([similarities, values], axis=1)
    rows = tf.concat([indices, tf.cast(columns, tf.int64) + first], axis=1)
    values, chosen = tf.math.top_k(values, tf.minimum(k, tf.shape(values)[1]))
    return values, tf.gather(rows, chosen, batch_dims=1)
