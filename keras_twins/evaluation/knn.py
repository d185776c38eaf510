"""Exact weighted nearest neighbours."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.errors import InputError
from keras_twins.evaluation import checks
from keras_twins.float32 import exact_products

# One block of similarities has these rows and columns: 64 MB in float32.
_TEST_ROWS = 256
_TRAIN_ROWS = 65_536


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
    _check_settings(len(train_x), k, temperature)
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
    _check_settings(len(train_x), k, temperature)
    scores = np.empty((len(test_x), len(classes)), np.float32)
    votes = _votes(train_x, train_y, test_x, len(classes), k, temperature)
    for start, part in votes:
        scores[start : start + len(part)] = part
    return scores


def _check_settings(count, k, temperature):
    if k < 1 or temperature <= 0:
        raise ValueError(
            "Invalid values for arguments `k` and `temperature`. Expected k of 1 or "
            f"more and temperature above 0. Received: k={k}, temperature={temperature}"
        )
    if count < k:
        raise InputError(
            "There are fewer training images than neighbours. Expected at least "
            f"k={k} training images: take a smaller k. Received: {count}"
        )


def _votes(train_x, train_y, test_x, n_classes, k, temperature):
    """Yields `(first row, scores)` for one block of test features after the other."""
    similarities, neighbours = _nearest(train_x, test_x, k)
    for start in range(0, len(test_x), _TEST_ROWS):
        rows = slice(start, start + _TEST_ROWS)
        near = similarities[rows].astype(np.float64)
        # Relative to the nearest one: shares are the same, and exp cannot overflow.
        weights = np.exp((near - near.max(axis=1, keepdims=True)) / temperature)
        cells = train_y[neighbours[rows]] + n_classes * np.arange(len(near))[:, None]
        scores = np.bincount(cells.ravel(), weights.ravel(), len(near) * n_classes)
        scores = scores.reshape(len(near), n_classes)
        yield start, scores / scores.sum(axis=1, keepdims=True)


def _nearest(train_x, test_x, k):
    """Cosine similarities `(M, k)` and row numbers `(M, k)` of the nearest features.

    The training set passes by once, in blocks, so that it may be a mapped file.
    """
    starts = range(0, len(test_x), _TEST_ROWS)
    nearest = [
        (
            np.empty((min(_TEST_ROWS, len(test_x) - start), 0), np.float32),
            np.empty((min(_TEST_ROWS, len(test_x) - start), 0), np.int32),
        )
        for start in starts
    ]
    with exact_products():
        for first in range(0, len(train_x), _TRAIN_ROWS):
            block = _normalise(train_x[first : first + _TRAIN_ROWS])
            for i, start in enumerate(starts):
                rows = _normalise(test_x[start : start + _TEST_ROWS])
                merged = _merge(rows, block, *nearest[i], tf.constant(first), k)
                nearest[i] = [part.numpy() for part in merged]
    similarities, neighbours = zip(*nearest, strict=True)
    return np.concatenate(similarities), np.concatenate(neighbours)


def _normalise(features):
    features = tf.constant(np.asarray(features, np.float32))
    # Scaled first, since the square of a large or a tiny float32 is no float32.
    largest = tf.reduce_max(tf.abs(features), axis=1, keepdims=True)
    scaled = tf.math.divide_no_nan(features, largest)
    return tf.math.l2_normalize(scaled, axis=1)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ]
)
def _merge(test, train, similarities, neighbours, first, k):
    """The k nearest of those so far and of a block that begins at row `first`."""
    values, columns = tf.math.top_k(
        tf.matmul(test, train, transpose_b=True), tf.minimum(k, tf.shape(train)[0])
    )
    values = tf.concat([similarities, values], axis=1)
    rows = tf.concat([neighbours, columns + first], axis=1)
    values, chosen = tf.math.top_k(values, tf.minimum(k, tf.shape(values)[1]))
    return values, tf.gather(rows, chosen, batch_dims=1)
