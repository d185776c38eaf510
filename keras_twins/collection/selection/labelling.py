"""A label for every file, from the labels so far."""

import dataclasses
import warnings

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from keras_twins.collection.selection.head import linear_head, standardised
from keras_twins.collection.selection.pool import NONE, unit
from keras_twins.errors import InputError

_FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Labelling:
    """A label for every file of a collection.

    Attributes:
        labels: `(N,)` int64 array: the given label, or the head's likeliest class.
        confidence: `(N,)` float array in 0..1, the head's share of that class; 1 for a
            given label.
        held_out: int, how many labelled files were held out in turn.
        right: int, for how many of these the head found the label.
        interval: `(low, high)`, the 95 % interval of the accuracy on them (Wilson), or
            None where nothing could be held out.
    """

    labels: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.floating]
    held_out: int
    right: int
    interval: tuple[float, float] | None


def label_all(
    embeddings: npt.NDArray[np.floating], labels: npt.ArrayLike, seed: int = 0
) -> Labelling:
    """Labels a collection by a linear head on the labels so far.

    The head is held out a fifth of the labelled files in turn, stratified by class. A
    class with a single label cannot be found when that one is held out: it counts as
    wrong.

    Args:
        embeddings: `(N, D)` float array without NaN.
        labels: `(N,)` array of integers, the class of each file, 0 or more, and -1 for
            a file without a label.
        seed: int, of the parts that are held out.

    Returns:
        `Labelling`.

    Raises:
        InputError: for labels of fewer than two classes.

    Examples:
        >>> import numpy as np
        >>> from keras_twins.collection.selection.labelling import label_all
        >>> rows = np.array([[9, 0], [9, 1], [0, 9], [1, 9], [8, 1], [1, 8]], float)
        >>> found = label_all(rows, [0, 0, 1, 1, -1, -1])
        >>> found.labels, found.right, found.held_out
        (array([0, 0, 1, 1, 0, 1]), 4, 4)
    """
    labels = np.asarray(labels, np.int64)
    known = labels != NONE
    classes, counts = np.unique(labels[known], return_counts=True)
    if len(classes) < 2:
        raise InputError(
            "A head tells classes apart. Expected labels of two classes or more. "
            f"Received: {int(known.sum()):,} labels of {len(classes)} "
            + ("class" if len(classes) == 1 else "classes")
        )
    features = standardised(unit(np.asarray(embeddings)))
    head = linear_head().fit(features[known], labels[known])
    shares = head.predict_proba(features)
    found = np.where(known, labels, head.classes_[np.argmax(shares, axis=1)])
    confidence = np.where(known, 1.0, shares.max(axis=1))
    if counts.max() < 2:
        return Labelling(found, confidence, 0, 0, None)
    right = _right_when_held_out(features[known], labels[known], counts.max(), seed)
    total = int(known.sum())
    interval = stats.binomtest(right, total).proportion_ci(method="wilson")
    return Labelling(found, confidence, total, right, (interval.low, interval.high))


def _right_when_held_out(features, labels, largest_class, seed):
    folds = StratifiedKFold(min(_FOLDS, largest_class), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer files than folds is simply held out less often.
        warnings.filterwarnings("ignore", message="The least populated class")
        guessed = cross_val_predict(linear_head(), features, labels, cv=folds)
    return int((guessed == labels).sum())
