"""Negative-sample-free self-supervised learning in Keras 3.

``import keras_twins as kt`` costs hardly more than ``import keras``: each part of
the library is imported when it is first used.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_twins import augment as augment
    from keras_twins import callbacks as callbacks
    from keras_twins import collection as collection
    from keras_twins import configs as configs
    from keras_twins import data as data
    from keras_twins import distribution as distribution
    from keras_twins import evaluation as evaluation
    from keras_twins import export as export
    from keras_twins import losses as losses
    from keras_twins import models as models
    from keras_twins import optimizers as optimizers
    from keras_twins import serving as serving

__version__ = "0.1.0"

_PARTS = (
    "augment",
    "callbacks",
    "collection",
    "configs",
    "data",
    "distribution",
    "evaluation",
    "export",
    "losses",
    "models",
    "optimizers",
    "serving",
)

__all__ = ["__version__", *_PARTS]

# `python -m keras_twins.train` is found there: it runs `keras_twins.commands.train`.
__path__.append(os.path.join(os.path.dirname(__file__), "aliases"))


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS])
