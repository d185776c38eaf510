"""Which files of a collection to label first."""

from keras_twins.collection.selection.choice import METHODS, Selection, select

__all__ = ["METHODS", "Selection", "select"]
