"""Pixels that the views layer sees before `fit` or `predict` make symbols of them."""

import itertools
import types
from typing import Any

import keras
import tensorflow as tf

from keras_twins.models import batches

_ROWS = 32


def show(views: keras.Layer, data: Any) -> Any:
    """Calls the views layer on the first rows, for what it has to say of them.

    Inside a graph it cannot see that pixels are out of range. Whole numbers cannot be,
    and no row is read for them.

    Args:
        views: layer, as of `Twins`.
        data: what `fit` or `embed` was given.

    Returns:
        The data, from the first row on.

    Raises:
        ValueError: for batches that hold no images, and what the layer raises.
    """
    first, data = _first(data)
    if first is not None:
        images, _ = batches.images(first)
        if tf.as_dtype(images.dtype).is_floating:
            views(images[:_ROWS], training=False)
    return data


def _first(data):
    """The first rows, or None, and the data with these rows in their place."""
    if isinstance(data, types.GeneratorType):
        taken = list(itertools.islice(data, 1))
        return (taken or [None])[0], (x for x in itertools.chain(taken, data))
    if isinstance(data, keras.utils.PyDataset):
        return data[0], data
    if isinstance(data, tf.data.Dataset):
        dtypes = [spec.dtype for spec in tf.nest.flatten(data.element_spec)]
        if not any(dtype.is_floating for dtype in dtypes):
            return None, data
        return next(iter(data.take(1)), None), data
    if isinstance(data, (tuple, list, dict)) or hasattr(data, "shape"):
        return keras.tree.map_structure(lambda x: x[:_ROWS], data), data
    return None, data  # a distributed dataset, whose batches lie on other devices
