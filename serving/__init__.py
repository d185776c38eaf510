"""Client and server of an exported model."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_twins.serving import client as client

_PARTS = ("client",)

__all__ = [*_PARTS]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS])
