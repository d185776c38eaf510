"""Linear probes: how much of the labels a linear classifier reads off features."""

import concurrent.futures
import contextlib
import os
import warnings
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from keras_twins.errors import InputError
from keras_twins.evaluation import checks, sgd

Protocol: TypeAlias = Literal["lbfgs", "sgd"]

# L2 strengths to choose from, strongest first: each one starts where the last ended.
_STRENGTHS = np.logspace(1, -6, 15)

# After so many strengths that are no better than the best, the path ends.
_WORSE_IN_A_ROW = 3

# One in five is held out, and that as often as it takes to hold out so many images:
# once for a large training set, five times (cross-validation) for a small one.
_FOLDS = 5
_ENOUGH_HELD_OUT = 2000

# As scikit-learn's LogisticRegression; the second is the resolution of float32.
_SOLVER = {"gtol": 1e-4, "ftol": 1e-7, "maxiter": 1000}

# Rows whose logits and gradient are computed while they are in the processor's cache.
_ROWS = 1024


def linear_probe(
    train_x: npt.ArrayLike,
    train_y: npt.ArrayLike,
    test_x: npt.ArrayLike,
    test_y: npt.ArrayLike,
    *,
    seed: int = 0,
    protocol: Protocol = "lbfgs",
) -> float:
    """Accuracy of a linear classifier on frozen features.

    Multinomial logistic regression on standardised features. By default with an L2
    penalty, fitted with L-BFGS (the protocol of Kornblith et al. 2019, arXiv
    1805.08974, section 3). The penalty is chosen by accuracy on held-out parts of the
    training set, stratified by class; the classifier is then fitted to all of it.

    With `protocol="sgd"`, by stochastic gradient descent as in the code of Barlow Twins
    (see `keras_twins.evaluation.sgd`): comparable with papers, not as good.

    Args:
        train_x: `(N, D)` array of features.
        train_y: `(N,)` array of labels.
        test_x: `(M, D)` array of features.
        test_y: `(M,)` array of labels.
        seed: int, of the draw of the held-out parts, or of the order of the batches.
        protocol: "lbfgs" or "sgd".

    Returns:
        The share of test images whose class is found, in 0..1.

    Raises:
        InputError: for features that are not finite, a single class, one image a class
            (none can be held out), or test classes that the training set does not have.
        ValueError: for shapes that do not match, or another protocol.

    Examples:
        >>> import keras_twins as kt
        >>> x, y = [[10, 1], [10, -1], [1, 10], [-1, 10]], [0, 0, 1, 1]
        >>> kt.evaluation.linear_probe(x, y, [[4, 1], [1, 4]], [0, 0])
        0.5
    """
    check_protocol(protocol)
    train_x, classes, train_y = checks.check_train(train_x, train_y)
    test_x, test_y = checks.check_test(test_x, test_y, train_x.shape[1], classes)
    scaler = StandardScaler().fit(train_x)
    if protocol == "sgd":
        weights = sgd.fit(scaler.transform(train_x), train_y, len(classes), seed)
        return _accuracy(scaler.transform(test_x), test_y, weights)

    held_out = _held_out_parts(train_y, seed)
    with _workers(len(train_y)) as block_map:
        objective = _Objective(
            scaler.transform(train_x), train_y, len(classes), block_map
        )
        weights, strength = _choose(objective, held_out)
        weights = objective.minimise(weights, strength, np.ones(len(train_y), bool))
    return _accuracy(scaler.transform(test_x), test_y, weights)


def check_protocol(protocol):
    """Raises ValueError for a protocol that does not exist."""
    if protocol not in get_args(Protocol):
        raise ValueError(
            "Invalid value for argument `protocol`. Expected 'lbfgs' or 'sgd'. "
            f"Received: protocol={protocol!r}"
        )


def few_labels(
    labels: npt.ArrayLike, per_class: int, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Draws the same number of images of every class.

    Args:
        labels: `(N,)` array of labels.
        per_class: int, at least 1, images to draw of each class.
        seed: int.

    Returns:
        int64 array of `per_class` indices for each class, in ascending order.

    Raises:
        InputError: if a class has fewer images than that.

    Examples:
        >>> import keras_twins as kt
        >>> kt.evaluation.few_labels([7, 7, 7, 9, 9, 9], per_class=1, seed=0)
        array([2, 4])
    """
    labels = np.asarray(labels)
    generator = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if not 1 <= per_class <= len(members):
            raise InputError(
                f"Class {label} cannot give that many labels. Expected a number in "
                f"1..{len(members)}. Received: per_class={per_class}"
            )
        drawn.append(generator.choice(members, per_class, replace=False))
    return np.sort(np.concatenate(drawn))


@contextlib.contextmanager
def _workers(count):
    """A `map` whose threads share `count` rows, one processor core each.

    Threads inside of each product of such small matrices would wait for one another
    more than they compute.
    """
    threads = min(os.cpu_count(), -(-count // _ROWS))
    with threadpool_limits(1, user_api="blas"):
        if threads == 1:
            yield map
            return
        with concurrent.futures.ThreadPoolExecutor(threads) as executor:
            yield executor.map


def _held_out_parts(labels, seed):
    """Boolean masks of the training set, true where an image is held out."""
    largest_class = np.bincount(labels).max()
    if largest_class < 2:
        raise InputError(
            "A probe holds out a part of each class. Expected two training images of "
            "a class or more. Received: one image of each class"
        )
    folds = StratifiedKFold(min(_FOLDS, largest_class), shuffle=True, random_state=seed)
    masks, count = [], 0
    with warnings.catch_warnings():
        # A class with fewer images than folds is simply held out less often.
        warnings.filterwarnings("ignore", message="The least populated class")
        for _, rows in folds.split(labels, labels):
            masks.append(np.zeros(len(labels), bool))
            masks[-1][rows] = True
            count += len(rows)
            if count >= _ENOUGH_HELD_OUT:
                break
    return masks


def _choose(objective, held_out):
    """The best strength, and weights from which its fit to everything is near."""
    weights = [objective.zeros() for _ in held_out]
    best, worse = None, 0
    for strength in _STRENGTHS:
        hits, loss = 0, 0.0
        for fold, mask in enumerate(held_out):
            weights[fold] = objective.minimise(weights[fold], strength, ~mask)
            fold_hits, fold_loss = objective.score(weights[fold], mask)
            hits, loss = hits + fold_hits, loss + fold_loss
        # By accuracy; where that ties, as it does on a small set, by likelihood.
        score, worse = (hits, -loss), worse + 1
        if best is None or score > best[0]:
            best, worse = (score, np.mean(weights, axis=0), strength), 0
        # Weaker penalties would fit ever worse, and they take the most steps.
        if worse == _WORSE_IN_A_ROW:
            break
    return best[1:]


class _Objective:
    """Penalised cross-entropy of a part of the training set.

    A part of the features is a mask: selecting rows would copy them.

    Args:
        features: `(N, D)` array.
        labels: `(N,)` array of integers in 0..n_classes - 1.
        n_classes: int.
        block_map: like the built-in `map`; it computes blocks of rows.
    """

    def __init__(self, features, labels, n_classes, block_map):
        self._features = np.asarray(features, np.float32)
        self._labels = labels
        self._shape = (features.shape[1] + 1, n_classes)
        self._block_map = block_map

    def zeros(self):
        return np.zeros(self._shape)

    def minimise(self, weights, strength, mask):
        """Weights `(D + 1, C)`, biases last, that minimise the objective over `mask`.

        Args:
            weights: `(D + 1, C)`, where to start.
            strength: float, times half the squared norm of the weights, beside the
                mean cross-entropy: 1 / (C n) in scikit-learn's terms.
            mask: `(N,)` bool.
        """
        shares = (mask / mask.sum()).astype(np.float32)

        def value_and_gradient(flat):
            weights = flat.reshape(self._shape)
            value, gradient = self._cross_entropy(weights, shares)
            penalised = weights[:-1]
            value += 0.5 * strength * np.sum(np.square(penalised))
            gradient[:-1] += strength * penalised
            return value, gradient.ravel()

        found = minimize(
            value_and_gradient,
            weights.ravel(),
            jac=True,
            method="L-BFGS-B",
            options=_SOLVER,
        )
        return found.x.reshape(self._shape)

    def _cross_entropy(self, weights, shares):
        """Weighted sum of cross-entropies over all rows, and its gradient."""
        starts = range(0, len(self._features), _ROWS)
        parts = self._block_map(
            lambda start: self._block(weights, shares, start), starts
        )
        value, gradient = 0.0, self.zeros()
        for part_value, part_gradient in parts:
            value += part_value
            gradient += part_gradient
        return value, gradient

    def _block(self, weights, shares, start):
        """What the rows from `start` on add to value and gradient."""
        rows = slice(start, start + _ROWS)
        features, labels, share = self._features[rows], self._labels[rows], shares[rows]
        losses, errors = _softmax(_logits(features, weights), labels)
        errors[np.arange(len(labels)), labels] -= 1.0
        errors *= share[:, np.newaxis]
        gradient = np.vstack([features.T @ errors, errors.sum(axis=0)])
        return float(share @ losses), gradient

    def score(self, weights, mask):
        """How many of `mask` are classified correctly, and their cross-entropy."""
        logits = _logits(self._features[mask], weights)
        losses, _ = _softmax(logits, self._labels[mask])
        hits = np.argmax(logits, axis=1) == self._labels[mask]
        return np.count_nonzero(hits), float(losses.sum())


def _accuracy(features, labels, weights):
    logits = _logits(np.asarray(features, np.float32), weights)
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def _logits(features, weights):
    weights = weights.astype(np.float32)
    return features @ weights[:-1] + weights[-1]


def _softmax(logits, labels):
    """Cross-entropies `(n,)` and probabilities `(n, C)`."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - shifted[np.arange(len(labels)), labels]
    return losses, exponentials / sums
