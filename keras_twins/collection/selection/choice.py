"""Chooses the files of a collection that are worth a label."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_twins.collection.finite import count_other
from keras_twins.collection.selection import copies, coverage, extra, uncertainty
from keras_twins.collection.selection.expectation import doubt
from keras_twins.collection.selection.pool import NONE, Chosen, Pool, unit
from keras_twins.errors import InputError


class Method(NamedTuple):
    """A way to choose.

    Attributes:
        choose: function of a `Pool` and a count, which gives `Chosen`: places that are
            not covered, each once, and no more than asked for.
        labels: bool, whether it needs labels of two classes or more.
        extra: bool, whether it needs scikit-activeml.
    """

    choose: Callable[[Pool, int], Chosen]
    labels: bool = False
    extra: bool = False


METHODS = {
    "k-means": Method(coverage.k_means),
    "typiclust": Method(coverage.typi_clust, extra=True),
    "maxherding": Method(coverage.max_herding),
    "margin": Method(uncertainty.margin, labels=True),
    "dropquery": Method(uncertainty.drop_query, labels=True, extra=True),
    "badge": Method(uncertainty.badge, labels=True),
}

# "auto": until there are so many labels, the first method, and then the second;
# benchmarks/selection.py measures what that is worth.
_FEW, _COVER, _ASK = 40, "k-means", "margin"
# Of more files without a label, so many are looked at: what memory holds several times.
_MOST = 200_000


@dataclasses.dataclass(frozen=True)
class Selection:
    """Files to label.

    Attributes:
        rows: `(n,)` int64 array, rows of the collection, what to label first at the
            front.
        why: list of n str, why each was chosen.
        clusters: `(n,)` int64 array, the cluster that each stands for; -1 where the
            method has none.
        method: str, the method that chose them.
        notes: list of str, sentences on what a user should know of this choice.
    """

    rows: npt.NDArray[np.int64]
    why: list[str]
    clusters: npt.NDArray[np.int64]
    method: str
    notes: list[str]


def select(
    embeddings: npt.NDArray[np.floating],
    count: int,
    *,
    method: str = "auto",
    labelled: npt.ArrayLike | None = None,
    among: npt.ArrayLike | None = None,
    paths: Sequence[str] | None = None,
    seed: int = 0,
) -> Selection:
    """Chooses the files that are worth a label, what to label first at the front.

    Two files that show the same are never chosen together, nor is one that shows the
    same as a labelled file: equal embeddings up to rounding, and with `paths` also
    what `keras_twins.collection.duplicates` finds among the files in question. Of more
    than 200,000 files without a label, so many are drawn to choose from, and a note
    says so.

    Args:
        embeddings: `(N, D)` float array without NaN.
        count: int, 1 or more, how many. Fewer are chosen where there are fewer.
        method: "auto", or a name of `METHODS`. "auto" covers the collection while there
            are few labels, and asks for what a linear head is unsure of from then on.
        labelled: `(N,)` array of integers, the class of each file, 0 or more, and -1
            for a file without a label. Defaults to None: there are no labels.
        among: `(N,)` bool array, the files that may be chosen. Defaults to None: all
            files without a label.
        paths: list of N paths of the pictures. Defaults to None: no picture is opened.
        seed: int.

    Returns:
        `Selection`.

    Raises:
        InputError: for embeddings that hold NaN or infinity, a method that needs labels
            of two classes and has none, or no file that may be chosen.
        ValueError: for arrays that do not fit together, another method, or a count
            below 1.

    Examples:
        >>> import keras_twins as kt, numpy as np
        >>> rows = np.array([[9, 0], [9, 1], [8, 1], [0, 9], [0, 9], [1, 9]], float)
        >>> chosen = kt.collection.select(rows, 2)
        >>> chosen.rows
        array([1, 5])
        >>> labelled = np.array([0, -1, -1, -1, -1, -1])
        >>> kt.collection.select(rows, 1, labelled=labelled).rows
        array([5])
    """
    embeddings, labels, among = _checked(embeddings, count, method, labelled, among)
    taken, notes = _taken(labels, among, seed)
    labels, among = labels[taken], among[taken]
    paths = None if paths is None else [paths[row] for row in taken]
    known = labels != NONE
    units = unit(embeddings[taken])
    free = copies.distinct(units, known, among & ~known)
    if not free.any():
        raise InputError(
            "There is no file to choose. Expected one without a label or more. "
            f"Received: {len(embeddings):,} files, {known.sum():,} of them labelled"
        )
    name = _ask_or_cover(labels[known]) if method == "auto" else method
    _check_method(name, labels[known])
    repeats = copies.finder(units, paths)
    rows: list[int] = []
    why: list[str] = []
    clusters: list[int] = []
    while len(rows) < count and free.any():
        covered = known.copy()
        covered[rows] = True
        in_pool = np.flatnonzero(free | covered)
        pool = Pool(units[in_pool], labels[in_pool], covered[in_pool], seed)
        wanted = min(count - len(rows), int(free.sum()))
        found = METHODS[name].choose(pool, wanted)
        new = in_pool[found.places]
        free[new] = False
        again = repeats(np.flatnonzero(covered), new)
        kept = [place for place, row in enumerate(new) if row not in again]
        rows += [int(new[place]) for place in kept]
        why += [found.why[place] for place in kept]
        clusters += [found.clusters[place] for place in kept]
    said = doubt(units[known], labels[known])
    notes += [said] if said else []
    if len(rows) < count:
        notes.append(f"{count:,} were asked for; there are {len(rows):,} to choose")
    return Selection(
        taken[np.array(rows, np.int64)], why, np.array(clusters, np.int64), name, notes
    )


def _taken(labels, among, seed):
    """The rows to look at: labelled files and those to choose from, or some; notes."""
    known = labels != NONE
    free = np.flatnonzero(among & ~known)
    if len(free) <= _MOST:
        return np.flatnonzero(among | known), []
    note = f"chosen among {_MOST:,} of {len(free):,} files, drawn at random"
    free = np.random.default_rng(seed).choice(free, _MOST, replace=False)
    return np.union1d(np.flatnonzero(known), free), [note]


def _ask_or_cover(labels):
    """The method that "auto" stands for."""
    enough = len(labels) >= _FEW and len(np.unique(labels)) > 1
    return _ASK if enough else _COVER


def _check_method(name, labels):
    """Raises InputError where a method has not what it needs."""
    if METHODS[name].extra:
        extra.check_installed(name)
    classes = len(np.unique(labels))
    if METHODS[name].labels and classes < 2:
        raise InputError(
            f"The method {name} learns from labels. Expected labels of two classes or "
            f"more. Received: {len(labels):,} labels of {classes} "
            + ("class" if classes == 1 else "classes")
        )


def _checked(
    embeddings: Any, count: Any, method: Any, labelled: Any, among: Any
) -> tuple[npt.NDArray, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The arrays with their types, or what is wrong."""
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise ValueError(
            "The embeddings must be a matrix. Expected a shape `(N, D)` with N and D "
            f"of 1 or more. Received: shape={embeddings.shape}"
        )
    if method != "auto" and method not in METHODS:
        raise ValueError(
            "Invalid value for argument `method`. Expected one of "
            f"{', '.join(['auto', *METHODS])}. Received: method={method!r}"
        )
    if count < 1:
        raise ValueError(
            "Invalid value for argument `count`. Expected an integer of 1 or more. "
            f"Received: count={count}"
        )
    wrong = count_other(embeddings)
    if wrong:
        raise InputError(
            "The embeddings are not finite. Expected no NaN and no infinity. "
            f"Received: {wrong} of {len(embeddings)} rows that hold one"
        )
    labels = np.full(len(embeddings), NONE) if labelled is None else labelled
    among = np.ones(len(embeddings), bool) if among is None else among
    arrays = np.asarray(labels, np.int64), np.asarray(among, bool)
    for name, array in zip(("labelled", "among"), arrays, strict=True):
        if array.shape != (len(embeddings),):
            raise ValueError(
                f"Argument `{name}` does not fit the embeddings. Expected a shape of "
                f"({len(embeddings)},). Received: shape={array.shape}"
            )
    return embeddings, *arrays
