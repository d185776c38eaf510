"""Negative-sample-free self-supervised learning in Keras 3.

``import keras_twins as kt`` costs hardly more than ``import keras``: each part of
the library is imported when it is first used.
"""

import importlib

__version__ = "0.1.0"

_PARTS = (
    "augment",
    "callbacks",
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


def __getattr__(name):
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_PARTS])
