"""Images in memory."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.data import memory
from keras_twins.data.sources import Source


class ArraySource(Source):
    """Images in memory: uint8 `(num_images, height, width, 3)`."""

    def __init__(self, name, images, labels=None, class_names=None):
        self.name = name
        self.num_images = len(images)
        self.image_shape = images.shape[1:]
        self.class_names = class_names
        self.has_labels = labels is not None
        self._labels = labels
        self.images_in_memory = memory.as_tensor(images)

    def only(self, kept):
        return ArraySource(
            self.name,
            self.images_in_memory.numpy()[kept],
            self._labels[kept] if self.has_labels else None,
            self.class_names,
        )

    def records(self, labels=False):
        images = tf.data.Dataset.from_tensor_slices(self.images_in_memory)
        if not labels:
            return images
        return tf.data.Dataset.zip(
            images, tf.data.Dataset.from_tensor_slices(self._labels)
        )


def from_arrays(
    images: npt.ArrayLike, labels: npt.ArrayLike | None = None
) -> tf.data.Dataset:
    """Makes a data set of images out of NumPy arrays.

    Args:
        images: array of shape `(num_images, height, width, channels)` or, for grey
            images, `(num_images, height, width)`; 1, 3 or 4 channels (alpha is
            dropped); uint8, or floats in 0..255. Copied.
        labels: integer array of shape `(num_images,)`, or None.

    Returns:
        `tf.data.Dataset` of uint8 images of shape `(height, width, 3)`, or of
        (image, int64 label) where labels are given.

    Raises:
        ValueError: if shapes, dtypes or the range of values are others.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> images = kt.data.from_arrays(np.zeros((10, 28, 28), np.uint8))
        >>> len(images), images.element_spec.shape
        (10, TensorShape([28, 28, 3]))
    """
    images = _rgb_array(images)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"`labels` must hold one integer an image. Expected an integer array "
                f"of shape {images.shape[:1]}. Received: labels of shape "
                f"{labels.shape} and dtype {labels.dtype}"
            )
        labels = labels.astype(np.int64)
    source = ArraySource("the arrays", images, labels)
    return source.dataset(labels=labels is not None)


def _rgb_array(images):
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.size:
        raise ValueError(
            "`images` has the wrong shape. Expected (num_images, height, width, "
            "channels) with 1, 3 or 4 channels, or (num_images, height, width). "
            f"Received: images.shape={images.shape}"
        )
    if images.dtype.kind == "f":
        low, high = images.min(), images.max()
        # Values up to 1 are most likely scaled to 0..1, and nobody can be sure.
        if not (low >= 0 and high <= 255) or 0 < high <= 1:
            raise ValueError(
                "`images` holds floats outside the expected range. Expected values "
                "in 0..255 (multiply images in 0..1 by 255). Received: values in "
                f"{low}..{high}"
            )
        images = np.rint(images).astype(np.uint8)
    elif images.dtype != np.uint8:
        raise ValueError(
            "`images` has the wrong dtype. Expected uint8, or floats in 0..255. "
            f"Received: images.dtype={images.dtype}"
        )
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    return images[..., :3]
