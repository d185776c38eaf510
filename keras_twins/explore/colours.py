"""What the points of a map can be coloured by: groups of files, with names."""

import collections
import dataclasses
import functools
import os

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from keras_twins.collection import duplicates, judge, measure_all, outliers
from keras_twins.collection.groups import KEEP

# As many colours as the page has; the last group holds all that are left over.
COLOURS = 12
_CLUSTERS = 12
_OTHERS, _NONE = "others", "none"
# Bounds of the outliers' groups, by their score; 1 is where a check begins to flag.
_SCORES = (("4 and more", 4.0), ("2 to 4", 2.0), ("1 to 2", 1.0))


@dataclasses.dataclass(frozen=True)
class Colouring:
    """Groups of a collection's files.

    Attributes:
        names: list of str, one for each group, in the order of their colours.
        values: `(N,)` uint8 array, the group of each file.
        plain: int or None, the group that gets no colour of its own.
        order: `(M,)` int32 array, some rows in the order in which they are listed; or
            None for the order of the collection.
    """

    names: list[str]
    values: np.ndarray
    plain: int | None = None
    order: np.ndarray | None = None

    def counts(self):
        """How many files each group has."""
        return np.bincount(self.values, minlength=len(self.names)).tolist()


def by_text(texts):
    """Groups files by a text of each; those without one are a group without a colour.

    Args:
        texts: list of N str.

    Returns:
        `Colouring`. The twelve most frequent texts have groups of their own.

    Examples:
        >>> from keras_twins.explore.colours import by_text
        >>> found = by_text(["dog", "cat", "dog", ""])
        >>> found.names, found.values.tolist()
        (['dog', 'cat', 'none'], [0, 1, 0, 2])
    """
    counted = collections.Counter(text for text in texts if text)
    most = sorted(counted, key=lambda text: (-counted[text], text))
    names = most if len(most) <= COLOURS else most[: COLOURS - 1] + [_OTHERS]
    places = {text: min(place, len(names) - 1) for place, text in enumerate(most)}
    if "" not in texts:
        return Colouring(names, _values(places[text] for text in texts))
    plain = len(names)
    values = _values(places.get(text, plain) for text in texts)
    return Colouring([*names, _NONE], values, plain)


def by_folder(paths):
    """Groups files by their folder, named from where the folders differ."""
    folders = [os.path.dirname(path) or "." for path in paths]
    try:
        common = os.path.commonpath(set(folders))
    except ValueError:  # Some are absolute, others are not.
        common = ""
    if not common:
        return by_text(folders)
    named = {folder: os.path.relpath(folder, common) for folder in set(folders)}
    return by_text([named[folder] for folder in folders])


def by_cluster(embeddings, seed=0):
    """Groups files by k-means of their embeddings at length 1, the largest first."""
    number = min(_CLUSTERS, len(embeddings))
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = embeddings / np.maximum(lengths, np.finfo(np.float32).tiny)
    means = MiniBatchKMeans(number, batch_size=4096, n_init=3, random_state=seed)
    found = means.fit_predict(unit)
    largest = np.argsort(-np.bincount(found, minlength=number), kind="stable")
    values = np.argsort(largest)[found].astype(np.uint8)
    return Colouring([f"cluster {place + 1}" for place in range(number)], values)


class Audited:
    """Duplicates and outliers of a collection, whose pictures are read once.

    Args:
        embeddings: `(N, D)` float32 array without NaN.
        paths: list of N paths.
    """

    def __init__(self, embeddings, paths):
        self._embeddings = embeddings
        self._paths = paths
        self._pictures = None

    def by_duplicate(self, done):
        """Groups files by how they match another: exact, near, a part of it.

        Args:
            done: function that is told how many more pictures have been read.
        """
        found = duplicates(self._embeddings, self._read(done)).groups
        kinds = [""] * len(self._paths)
        for group in found:
            for row, kind in zip(group.rows, group.kinds, strict=True):
                kinds[row] = "best of its group" if kind == KEEP else kind
        order = [row for group in found for row in group.rows]
        return _listed(by_text(kinds), order)

    def by_outlier(self, done):
        """Groups files by the score of what is odd about them; see `by_duplicate`."""
        pictures = self._read(done)
        found = outliers(self._embeddings, pictures, judge(pictures))
        names = [""] * len(self._paths)
        for one in found:
            names[one.row] = next(n for n, least in _SCORES if one.score >= least)
        values = {name: place for place, (name, _) in enumerate(_SCORES)}
        plain = len(values)
        colouring = Colouring(
            [*(f"score {name}" for name in values), _NONE],
            _values(values.get(name, plain) for name in names),
            plain,
        )
        return _listed(colouring, [one.row for one in found])

    def _read(self, done):
        if self._pictures is None:
            self._pictures = measure_all(self._paths, done)
        return self._pictures


def all_of(embeddings, paths, classes=None):
    """What a collection can be coloured by.

    Args:
        embeddings: `(N, D)` float32 array without NaN.
        paths: list of N paths.
        classes: `(N,)` array of int or str, which may hold None, or None.

    Returns:
        dict from name to function of `done` that gives a `Colouring`.
    """
    audited = Audited(embeddings, paths)
    found = {}
    if classes is not None:
        texts = ["" if one is None else str(one) for one in classes.tolist()]
        found["class"] = lambda done: by_text(texts)
    return found | {
        "folder": lambda done: by_folder(paths),
        "cluster": lambda done: by_cluster(embeddings),
        "duplicate": audited.by_duplicate,
        "outlier": audited.by_outlier,
    }


def _listed(colouring, order):
    return dataclasses.replace(colouring, order=np.array(order, np.int32))


_values = functools.partial(np.fromiter, dtype=np.uint8)
