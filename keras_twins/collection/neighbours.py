"""Exact nearest neighbours by cosine similarity, block by block."""

import numpy as np
import numpy.typing as npt

from keras_twins.errors import InputError

# How many similarities one step computes, and for how many queries at most.
_AT_A_TIME, _QUERIES_AT_A_TIME = 2**22, 256
# One in so many columns gives a bound that about k times as many columns pass.
_STEP = 2
# Pairs of rows that are multiplied in float64 in one step.
_EXACT_AT_A_TIME = 8192


class Neighbours:
    """Searches a collection for the embeddings that are nearest to some queries.

    The search compares every query with every embedding, by cosine similarity. Products
    of matrices in float32 say which embeddings may be among the nearest, and float64
    decides between these, so that every processor gives the same answer. It reads the
    embeddings in blocks, so they may be mapped from a file that is larger than memory:
    beside them, a search holds the queries, its answer and one block.

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
        parts = _parts(queries, width, k)
        rounded_parts = [part.astype(np.float32) for part in parts]
        nearest = [
            (np.empty((len(part), 0), np.float32), np.empty((len(part), 0), np.int64))
            for part in parts
        ]
        # The embeddings pass by once: reading them may be the slowest part.
        for rows in _blocks(self._embeddings, k):
            block = _unit(self._embeddings[rows], self._lengths[rows])
            rounded = block.astype(np.float32)
            for i, part in enumerate(parts):
                similarities = rounded_parts[i] @ rounded.T
                passing = _passing(similarities, nearest[i][0], k, width)
                found = _exact(part, block, passing)
                nearest[i] = _merge(nearest[i], found, rows.start, k)
        similarities, indices = zip(*nearest, strict=True)
        return np.concatenate(indices), np.concatenate(similarities)


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


def _parts(queries, width, k):
    """Queries in parts, whose similarities to one block take 32 MB at most."""
    size = max(1, min(_QUERIES_AT_A_TIME, _AT_A_TIME // _rows_at_a_time(width, k)))
    return [queries[start : start + size] for start in range(0, len(queries), size)]


def _rows_at_a_time(width, k):
    """How many embeddings are compared in one step.

    Each block's k nearest are put in order, so a large k is faster with large blocks. A
    block takes 128 MB at most.
    """
    return max(1, min(max(16_384, 256 * k), 65_536, 2**24 // width))


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
    """Rows at length 1, `(n, D)` float64; rows of zeros stay as they are."""
    factors = 1.0 / np.where(lengths > 0, lengths, 1.0)
    return rows * factors[:, np.newaxis]


def _passing(similarities, values, k, width):
    """Where a block may hold one of the k nearest: `(query, row)`, two int64 vectors.

    Args:
        similarities: `(n, size)` array, as float32 rounds them.
        values: `(n, k)` array of the k nearest so far, or `(n, fewer)`.
    """
    so_far = values.shape[1] == k
    bound = values[:, -1:] if so_far else _bound(similarities, k)
    # The rounding of as many products of parts of unit vectors.
    rounding = width * np.finfo(np.float32).eps
    places = np.flatnonzero(similarities >= bound - 2 * rounding)
    return np.divmod(places, similarities.shape[1])


def _exact(queries, block, passing):
    """What passes, `(query, row)`, and its similarities in float64.

    Processors add in different orders. Rounded to float32, the sums are the same.
    """
    places, columns = passing
    products = np.empty(len(places), np.float32)
    for start in range(0, len(places), _EXACT_AT_A_TIME):
        some = slice(start, start + _EXACT_AT_A_TIME)
        pairs = queries[places[some]], block[columns[some]]
        products[some] = np.einsum("nd,nd->n", *pairs)
    return places, columns, products


def _merge(nearest, found, first, k):
    """The k nearest of those so far and of what `_exact` found.

    Of equal values, the lower row number wins.

    Args:
        nearest: `(values, rows)`, two `(n, so far)` arrays.
        found: what `_exact` returned, of a block.
        first: int, the number of the block's first row.
        k: int.
    """
    values, rows = nearest
    places, columns, products = found
    count = len(values)
    queries = np.concatenate([np.repeat(np.arange(count), values.shape[1]), places])
    values = np.concatenate([values.ravel(), products])
    rows = np.concatenate([rows.ravel(), columns + first])
    order = np.lexsort((rows, -values, queries))
    # The place of each among those of its query.
    starts = np.searchsorted(queries[order], np.arange(count))
    rank = np.arange(len(order)) - starts[queries[order]]
    chosen = order[rank < k]
    return values[chosen].reshape(count, -1), rows[chosen].reshape(count, -1)


def _bound(similarities, k):
    """What k similarities of each row reach, `(n, 1)`; all, where there are fewer."""
    some = similarities[:, ::_STEP]
    if some.shape[1] < k:
        some = similarities
    least = max(some.shape[1] - k, 0)
    return np.partition(some, least, axis=1)[:, least : least + 1]
