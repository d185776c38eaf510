"""Client and server of an exported model."""

import importlib

_PARTS = ("client",)

__all__ = [*_PARTS]


def __getattr__(name):
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_PARTS])
