"""Files of a collection that are unlike the others, each with the reason."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_twins.collection.measures import Pictures
from keras_twins.collection.nearest_others import nearest_others
from keras_twins.collection.quality import Found

UNREADABLE, ALONE = "unreadable", "unlike its neighbours"

_NEIGHBOURS = 10
# The score of a file that cannot be read; no check gives as much.
_HIGHEST = 100.0
# A row is alone where its neighbours are so many times as far from it as from theirs.
_ALONE = 1.6
# A check that flags more than this share finds what is common, which is less odd.
_COMMON = 0.01


class Outlier(NamedTuple):
    """A file that is unlike the others.

    Attributes:
        row: int, its row in the collection.
        score: float, 1 or more.
        check: str, what found it: a check of `keras_twins.collection.quality`, or
            "unreadable", or "unlike its neighbours".
        reason: str, in words, with its numbers.
    """

    row: int
    score: float
    check: str
    reason: str


def outliers(
    embeddings: npt.NDArray[np.floating],
    pictures: Pictures,
    judged: list[Found],
    *,
    seed: int = 0,
) -> list[Outlier]:
    """Ranks the files that are unlike the others: by their pixels, and by embedding.

    By pixels, the score is that of the check that flags a file most. Where a check
    flags more than 1 % of the pictures, its scores count less by as much, down to 1. By
    embedding, it is a local outlier factor over 1.6: how many times as far the nearest
    others are as theirs are from them (after Breunig et al. 2000, with mean distances
    in place of reachability). It finds what has no like in the collection. Black
    pictures have: they lie close to one another, so that only their pixels tell.

    Args:
        embeddings: `(N, D)` float array without NaN, in the order of the pictures.
        pictures: `Pictures` of the N files, as `measure_all` gives.
        judged: list of `Found`, as `keras_twins.collection.quality.judge` gives for
            the same pictures; may be empty.
        seed: int, of the search.

    Returns:
        list of `Outlier`, each file once, the highest score first; files that cannot be
        decoded come first.

    Raises:
        InputError: for embeddings that hold NaN or infinity.

    Examples:
        >>> import keras_twins as kt, numpy as np
        >>> rows = np.random.default_rng(0).normal([4, 0, 0], 0.2, size=(50, 3))
        >>> rows[7] = [0, 4, 0]
        >>> pictures = kt.collection.measure_all(["gone.png"] * 50)
        >>> found = kt.collection.outliers(rows, pictures, [])
        >>> found[0].row, found[0].check
        (7, 'unlike its neighbours')
    """
    best = {
        row: Outlier(row, _HIGHEST, UNREADABLE, reason)
        for row, reason in pictures.unreadable.items()
    }
    factors, similarity = local_outlier_factors(embeddings, seed)
    for row in np.flatnonzero(factors >= _ALONE).tolist():
        reason = (
            f"its {_NEIGHBOURS} nearest are {factors[row]:.1f} times as far away as "
            f"theirs; the nearest has a cosine of {similarity[row]:.2f}"
        )
        _keep(best, Outlier(row, float(factors[row] / _ALONE), ALONE, reason))
    for check in judged:
        common = max(len(check.flagged) / (_COMMON * len(check.scores)), 1.0)
        for place in check.flagged.tolist():
            row = int(pictures.rows[place])
            score = max(float(check.scores[place]) / common, 1.0)
            _keep(best, Outlier(row, score, check.name, check.reasons(place)))
    return sorted(best.values(), key=lambda found: (-found.score, found.row))


def local_outlier_factors(
    embeddings: npt.NDArray[np.floating], seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """How much farther a row's nearest others are from it than from their own.

    Args:
        embeddings: `(N, D)` float array without NaN.
        seed: int, of the search.

    Returns:
        `(N,)` float array, about 1 for a row among others and 0 where there are too few
        rows; and `(N,)` float32 array, the cosine similarity of the nearest other.
    """
    count = len(embeddings)
    if count <= _NEIGHBOURS:
        return np.zeros(count), np.zeros(count, np.float32)
    near, cosines = nearest_others(embeddings, _NEIGHBOURS, seed)
    distances = np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0))
    # The nearest may be a copy, which makes nothing less odd.
    mean = distances[:, 1:].mean(axis=1, dtype=np.float64)
    of_others = np.median(mean[near], axis=1)
    typical = np.median(mean)
    # Where many are equal, the distances of copies are no measure.
    factors = mean / np.maximum(of_others, 0.25 * typical + 1e-6)
    return factors, cosines[:, 0]


def _keep(best, found):
    if found.row not in best or found.score > best[found.row].score:
        best[found.row] = found
