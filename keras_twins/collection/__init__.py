"""Embeddings of a collection: their files, and what is near to what."""

import importlib
from typing import TYPE_CHECKING, Any

from keras_twins.collection.files import Embeddings, read, write

if TYPE_CHECKING:
    from keras_twins.collection.neighbours import Neighbours

__all__ = ["Embeddings", "Neighbours", "read", "write"]


def __getattr__(name: str) -> Any:
    # It starts TensorFlow, which reading and writing files does without.
    if name == "Neighbours":
        return importlib.import_module(f"{__name__}.neighbours").Neighbours
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
