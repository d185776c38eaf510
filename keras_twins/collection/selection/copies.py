"""Files that show the same, of which one label is enough."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from keras_twins.collection import measures
from keras_twins.collection.duplicate_search import duplicates

# From this cosine on, two embeddings are the same up to rounding.
_SAME_COSINE = 1.0 - 1e-5
# Nearly all of these agree in each of their numbers, rounded to this.
_STEP = 1e-4
# The picture of a new file is compared with those of its nearest labelled files.
_NEAREST_LABELLED = 4


def distinct(
    units: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
    among: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Which files to choose from: the first of those with the same embedding.

    Rounding separates a few that are the same; `finder` finds these later.

    Args:
        units: `(N, D)` array, embeddings of length 1.
        known: `(N,)` bool array, the labelled files. None with the same embedding is
            left.
        among: `(N,)` bool array, the files that may be chosen.

    Returns:
        `(N,)` bool array.
    """
    rounded = np.round(units / _STEP).astype(np.int16)
    seen = {rounded[row].tobytes() for row in np.flatnonzero(known)}
    free = np.zeros(len(units), bool)
    for row in np.flatnonzero(among):
        key = rounded[row].tobytes()
        free[row] = key not in seen
        seen.add(key)
    return free


def finder(
    units: npt.NDArray[np.float32], paths: Sequence[str] | None
) -> Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], set[int]]:
    """A function that finds repeats among newly chosen files.

    Args:
        units: `(N, D)` array, embeddings of length 1.
        paths: list of N paths of pictures, or None.

    Returns:
        Function of the rows that are labelled or chosen and of the new rows, in their
        order. It gives the set of new rows that show the same as an earlier row.
    """

    def repeats(covered, new):
        earlier = [*covered, *new]
        near = units[new] @ units[earlier].T
        # A new row is compared with those before it.
        own = len(covered) + np.arange(len(new))
        near[np.arange(len(earlier)) >= own[:, np.newaxis]] = -1
        found = set(new[(near >= _SAME_COSINE).any(axis=1)].tolist())
        if paths is not None:
            near = np.argsort(-near[:, : len(covered)], axis=1)[:, :_NEAREST_LABELLED]
            nearest = np.unique(np.asarray(covered)[near])
            found |= _same_pictures(units, paths, nearest, new)
        return found

    return repeats


def _same_pictures(units, paths, covered, new):
    """The new rows whose pictures show the same as an earlier one."""
    rows = np.concatenate([covered, new])
    pictures = measures.measure_all([paths[row] for row in rows])
    found = set()
    for group in duplicates(units[rows], pictures).groups:
        of_new = sorted(place for place in group.rows if place >= len(covered))
        labelled = len(of_new) < len(group.rows)
        found |= {int(rows[place]) for place in of_new[0 if labelled else 1 :]}
    return found
