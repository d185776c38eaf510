"""What a few labels are worth where `keras_twins.collection.select` chooses them."""

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from keras_twins.collection.selection import select
from keras_twins.collection.selection.head import linear_head
from keras_twins.collection.selection.pool import unit
from keras_twins.errors import InputError

# Of a larger training set, so many images are drawn to choose from.
_POOL = 10_000


def chosen_label_accuracy(
    train_x: npt.NDArray[np.floating],
    train_y: npt.NDArray,
    test_x: npt.NDArray[np.floating],
    test_y: npt.NDArray,
    count: int,
    seed: int = 0,
) -> float:
    """Accuracy of the linear head of `keras-twins label` on labels that are chosen.

    Args:
        train_x: `(N, D)` array of features, to choose from.
        train_y: `(N,)` array of labels, which only the chosen images show.
        test_x: `(M, D)` array of features.
        test_y: `(M,)` array of labels.
        count: int, 1 or more, how many labels.
        seed: int, of the draw and of the choice.

    Returns:
        The share of test images whose class is found, in 0..1.

    Raises:
        InputError: for features that are not finite, or chosen images of one class.
    """
    if len(train_x) > _POOL:
        generator = np.random.default_rng(seed)
        drawn = np.sort(generator.permutation(len(train_x))[:_POOL])
        train_x, train_y = train_x[drawn], train_y[drawn]
    rows = select(train_x, count, seed=seed).rows
    if len(np.unique(train_y[rows])) < 2:
        raise InputError("the chosen images are of one class")
    scaler = StandardScaler().fit(unit(train_x))
    head = linear_head().fit(scaler.transform(unit(train_x[rows])), train_y[rows])
    return float(head.score(scaler.transform(unit(test_x)), test_y))
