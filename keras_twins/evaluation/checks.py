"""What evaluation refuses before it starts to compute."""

import numpy as np

from keras_twins.collection import finite
from keras_twins.errors import InputError


def check_features(name, features):
    """Returns features as an array, or says why they are not `(N, D)` and finite.

    Args:
        name: str, which features these are, for the message.
        features: `(N, D)` array, in memory or mapped from a file.

    Raises:
        ValueError: if they are no matrix with at least one row and one column.
        InputError: if they hold NaN or infinity.
    """
    features = np.asarray(features)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"The {name} features must be a matrix. Expected a shape `(N, D)` with N "
            f"and D of 1 or more. Received: shape={features.shape}"
        )
    wrong = finite.count_other(features)
    if wrong:
        raise InputError(
            f"The {name} features are not finite. Expected no NaN and no infinity. "
            f"Received: {wrong} of {len(features)} rows that hold "
            "one; has the training diverged?"
        )
    return features


def check_labels(name, labels, count):
    """Returns labels as an array, or says why they are not one label a feature."""
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise ValueError(
            f"The {name} labels do not fit the features. Expected one label a row, a "
            f"shape of ({count},). Received: shape={labels.shape}"
        )
    return labels


def check_train(train_x, train_y):
    """Checks training features and labels.

    Returns:
        features `(N, D)`, the sorted classes `(C,)`, and each row's index into them
        `(N,)`.
    """
    train_x = check_features("training", train_x)
    train_y = check_labels("training", train_y, len(train_x))
    classes, indices = np.unique(train_y, return_inverse=True)
    if len(classes) < 2:
        raise InputError(
            "The training labels name a single class. Expected two or more. "
            f"Received: {len(train_y)} images of class {classes[0]}"
        )
    return train_x, classes, indices


def check_test(test_x, test_y, width, classes):
    """Checks test features and labels against what was trained on.

    Returns:
        features `(M, D)` and each row's index into `classes`.
    """
    test_x = check_width(check_features("test", test_x), width)
    test_y = check_labels("test", test_y, len(test_x))
    unseen = np.setdiff1d(test_y, classes)
    if len(unseen):
        shown = ", ".join(str(label) for label in unseen[:5])
        raise InputError(
            "The test set has classes that the training set does not have. Expected "
            f"labels among the {len(classes)} training classes. "
            f"Received: {len(unseen)} other(s): {shown}"
        )
    return test_x, np.searchsorted(classes, test_y)


def check_width(test_x, width):
    """Returns test features, or says that they are not of the training width."""
    if test_x.shape[1] != width:
        raise ValueError(
            "Training and test features must come from one encoder. Expected test "
            f"features of width {width}. Received: shape={test_x.shape}"
        )
    return test_x
