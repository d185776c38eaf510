"""The nearest others of every row of a collection."""

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans

from keras_twins.collection.neighbours import Neighbours

# Up to so many rows, all are compared with all.
_EXACT = 20_000
# Beyond, a row is compared with the rows of its own cell and of so many cells around.
_CELLS_AROUND = 6
_SAMPLES_PER_CELL = 64
_ROWS_AT_A_TIME = 65_536


def nearest_others(
    embeddings: npt.NDArray[np.floating],
    k: int,
    seed: int = 0,
    of: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Finds the nearest others of every row, by cosine similarity.

    Up to 20,000 rows the search is exact. A larger collection is divided into cells by
    k-means, and a row is compared with those of its own cell and of the nearest ones:
    the time grows with N^1.5, and rows that are nearly equal are found as a rule. The
    embeddings may be mapped from a file that is larger than memory.

    Args:
        embeddings: `(N, D)` float array without NaN; N is 2 or more.
        k: int, how many; at most N - 1 are given.
        seed: int, of k-means.
        of: `(N,)` array of rows of larger `embeddings`, which then are the rows
            0..N-1. Defaults to None: all rows.

    Returns:
        `(N, k)` int64 array of row numbers, nearest first, and the float32 array of
        their similarities. Where a cell and those around it hold fewer than k others,
        -1 and -1.
    """
    of = np.arange(len(embeddings)) if of is None else of
    count = len(of)
    k = min(k, count - 1)
    everything = np.arange(count)
    if count <= _EXACT:
        return _search(embeddings, of, everything, everything, k)
    cells, around = _cells(embeddings, of, seed)
    members = [np.flatnonzero(cells == cell) for cell in range(len(around))]
    indices = np.full((count, k), -1)
    similarities = np.full((count, k), -1.0, np.float32)
    for own, near in zip(members, around, strict=True):
        if len(own):
            others = np.concatenate([members[cell] for cell in near])
            found = _search(embeddings, of, own, others, min(k, len(others) - 1))
            width = found[0].shape[1]
            indices[own, :width], similarities[own, :width] = found
    return indices, similarities


def _search(embeddings, of, rows, among, k):
    """The k nearest of `rows` in `among`, which holds them, without themselves."""
    if k < 1:
        empty = np.empty((len(rows), 0))
        return empty.astype(np.int64), empty.astype(np.float32)
    searched = Neighbours(embeddings[of[among]])
    indices, similarities = searched.search(embeddings[of[rows]], k + 1)
    indices = among[indices]
    # Of more than k equal rows, a row need not be among its own nearest.
    own = indices == rows[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), k
    return indices[~own].reshape(shape), similarities[~own].reshape(shape)


def _cells(embeddings, of, seed):
    """The cell of each row, and for each cell itself and the nearest other cells."""
    count = len(of)
    number = int(count**0.5)
    chosen = np.random.default_rng(seed).choice(
        count, min(count, number * _SAMPLES_PER_CELL), False
    )
    chosen.sort()
    means = MiniBatchKMeans(
        number, batch_size=8 * number, n_init=1, max_iter=10, random_state=seed
    ).fit(_unit(embeddings[of[chosen]]))
    centres = Neighbours(means.cluster_centers_)
    cells = np.empty(count, np.int64)
    for start in range(0, count, _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        cells[rows] = centres.search(embeddings[of[rows]], 1)[0][:, 0]
    around = centres.search(means.cluster_centers_, min(1 + _CELLS_AROUND, number))[0]
    return cells, [np.union1d([cell], near) for cell, near in enumerate(around)]


def _unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.finfo(np.float32).tiny)
