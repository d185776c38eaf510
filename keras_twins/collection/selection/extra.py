"""The strategies of scikit-activeml, an optional extra."""

import importlib.util

import numpy as np

from keras_twins.collection.selection.pool import NONE
from keras_twins.errors import InputError


def check_installed(method):
    """Raises InputError if a method needs scikit-activeml and it is not installed."""
    if importlib.util.find_spec("skactiveml") is None:
        raise InputError(
            f"the method {method} needs scikit-activeml: "
            "pip install 'keras-twins[select]'"
        )


def strategy(name, seed, **settings):
    """A strategy of `skactiveml.pool` by its name."""
    from skactiveml import pool  # The optional extra.

    return getattr(pool, name)(random_state=seed, **settings)


def classifier(head, labels):
    """A head, not yet fitted, as the strategies take it."""
    from skactiveml.classifier import SklearnClassifier  # The optional extra.

    classes = np.unique(labels[labels != NONE])
    return SklearnClassifier(head, classes=classes.astype(float))
