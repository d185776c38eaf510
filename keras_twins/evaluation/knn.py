"""Exact weighted nearest neighbours."""

import numpy as np
import numpy.typing as npt

from keras_twins.collection.neighbours import Neighbours
from keras_twins.errors import InputError
from keras_twins.evaluation import checks

# Rows whose votes are counted together.
_ROWS_AT_A_TIME = 256


def knn_accuracy(
    train_x: npt.ArrayLike,
    train_y: npt.ArrayLike,
    test_x: npt.ArrayLike,
    test_y: npt.ArrayLike,
    k: int = 200,
    temperature: float = 0.5,
    top: int = 1,
) -> float:
    """Accuracy of an exact weighted k-nearest-neighbours classifier.

    The k training features of highest cosine similarity vote for their class with the
    weight exp(similarity / temperature), as in the evaluation code of
    arXiv 2104.13712 (after Wu et al. 2018, arXiv 1805.01978, section 3.4).

    Args:
        train_x: `(N, D)` array of features.
        train_y: `(N,)` array of labels.
        test_x: `(M, D)` array of features.
        test_y: `(M,)` array of labels.
        k: int in 1..N, how many neighbours vote.
        temperature: float above 0. The smaller, the more the nearest ones decide.
        top: int, at least 1. A test image counts if its class is among the `top`
            classes with most votes.

    Returns:
        The share of test images, in 0..1.

    Raises:
        InputError: for fewer training images than k, features that are not finite, a
            single class, or test classes that the training set does not have.
        ValueError: for shapes that do not match, or a k, temperature or top that makes
            no sense.

    Examples:
        >>> import keras_twins as kt
        >>> x, y = [[10, 1], [10, -1], [1, 10], [-1, 10]], [0, 0, 1, 1]
        >>> kt.evaluation.knn_accuracy(x, y, [[4, 1], [1, 4]], [0, 0], k=2)
        0.5
    """
    train_x, classes, train_y = checks.check_train(train_x, train_y)
    test_x, test_y = checks.check_test(test_x, test_y, train_x.shape[1], classes)
    check_settings(k, temperature)
    _check_count(len(train_x), k)
    if not 1 <= top <= len(classes):
        raise ValueError(
            "Invalid value for argument `top`. Expected an integer in "
            f"1..{len(classes)}, the number of classes. Received: top={top}"
        )
    correct = 0
    votes = _votes(train_x, train_y, test_x, len(classes), k, temperature)
    for start, scores in votes:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        truth = test_y[start : start + len(scores), np.newaxis]
        correct += int(np.sum(best == truth))
    return correct / len(test_x)


def knn_predict(
    train_x: npt.ArrayLike,
    train_y: npt.ArrayLike,
    test_x: npt.ArrayLike,
    k: int = 200,
    temperature: float = 0.5,
) -> npt.NDArray[np.float32]:
    """Class scores of an exact weighted k-nearest-neighbours classifier.

    Args:
        train_x: `(N, D)` array of features.
        train_y: `(N,)` array of labels.
        test_x: `(M, D)` array of features.
        k: int in 1..N, how many neighbours vote.
        temperature: float above 0. See `knn_accuracy`.

    Returns:
        `(M, C)` float32 array, each class's share of the votes, with one column for
        each of the C labels of `np.unique(train_y)`, in that order.

    Raises:
        InputError, ValueError: as `knn_accuracy`.

    Examples:
        >>> import keras_twins as kt
        >>> x, y = [[10, 1], [10, -1], [1, 10], [-1, 10]], [0, 0, 1, 1]
        >>> kt.evaluation.knn_predict(x, y, [[4, 1], [1, 4]], k=2)
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    train_x, classes, train_y = checks.check_train(train_x, train_y)
    test_x = checks.check_width(checks.check_features("test", test_x), train_x.shape[1])
    check_settings(k, temperature)
    _check_count(len(train_x), k)
    scores = np.empty((len(test_x), len(classes)), np.float32)
    votes = _votes(train_x, train_y, test_x, len(classes), k, temperature)
    for start, part in votes:
        scores[start : start + len(part)] = part
    return scores


def check_settings(k, temperature):
    """Raises ValueError for a k or a temperature that makes no sense."""
    if k < 1 or temperature <= 0:
        raise ValueError(
            "Invalid values for arguments `k` and `temperature`. Expected k of 1 or "
            f"more and temperature above 0. Received: k={k}, temperature={temperature}"
        )


def _check_count(count, k):
    if count < k:
        raise InputError(
            "There are fewer training images than neighbours. Expected at least "
            f"k={k} training images: take a smaller k. Received: {count}"
        )


def _votes(train_x, train_y, test_x, n_classes, k, temperature):
    """Yields `(first row, scores)` for one block of test features after the other."""
    neighbours, similarities = Neighbours(train_x).search(test_x, k)
    for start in range(0, len(test_x), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        near = similarities[rows].astype(np.float64)
        # Relative to the nearest one: shares are the same, and exp cannot overflow.
        weights = np.exp((near - near[:, :1]) / temperature)
        cells = train_y[neighbours[rows]] + n_classes * np.arange(len(near))[:, None]
        scores = np.bincount(cells.ravel(), weights.ravel(), len(near) * n_classes)
        scores = scores.reshape(len(near), n_classes)
        yield start, scores / scores.sum(axis=1, keepdims=True)
