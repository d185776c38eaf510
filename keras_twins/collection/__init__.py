"""Embeddings of a collection: files, what is near, duplicated, odd, worth a label."""

import importlib
from typing import TYPE_CHECKING, Any

from keras_twins.collection.files import Embeddings, read, write

if TYPE_CHECKING:
    from keras_twins.collection.duplicate_search import duplicates
    from keras_twins.collection.groups import leaks
    from keras_twins.collection.index import IndexedNeighbours
    from keras_twins.collection.measures import measure_all
    from keras_twins.collection.neighbours import Neighbours
    from keras_twins.collection.outlier_ranking import outliers
    from keras_twins.collection.quality import judge
    from keras_twins.collection.selection import Selection, select

__all__ = [
    "Embeddings",
    "IndexedNeighbours",
    "Neighbours",
    "Selection",
    "duplicates",
    "judge",
    "leaks",
    "measure_all",
    "outliers",
    "read",
    "select",
    "write",
]

# Some start TensorFlow, and all take what reading and writing files does without.
_MODULES = {
    "IndexedNeighbours": "index",
    "Neighbours": "neighbours",
    "Selection": "selection",
    "duplicates": "duplicate_search",
    "judge": "quality",
    "leaks": "groups",
    "measure_all": "measures",
    "outliers": "outlier_ranking",
    "select": "selection",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
