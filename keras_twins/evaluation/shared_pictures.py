"""Pictures of a test set that are also among the training images."""

import hashlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Shared(NamedTuple):
    """How many test images have the pixels of a training image.

    Attributes:
        shared: int, of the test images.
        of: int, how many test images there are.
    """

    shared: int
    of: int

    def __str__(self) -> str:
        if not self.shared:
            return f"Leaks: none of {self.of:,} test images is a training image, too"
        return (
            f"Leaks: {self.shared:,} of {self.of:,} test images have the same pixels "
            "as a training image; they count in the accuracies"
        )


def count_shared(train: tf.data.Dataset, test: tf.data.Dataset) -> Shared:
    """Counts the test images that have exactly the pixels of some training image.

    A hash of each training image is kept, 16 bytes, and no image. Images that were
    re-encoded or resized have other pixels: `keras_twins.collection.duplicates` finds
    those.

    Args:
        train, test: batched `tf.data.Dataset` of images, or of `(images, labels)`, all
            prepared alike.

    Returns:
        `Shared`.

    Examples:
        >>> import numpy as np, tensorflow as tf
        >>> from keras_twins.evaluation.shared_pictures import count_shared
        >>> images = np.arange(4.0).reshape(4, 1, 1, 1)
        >>> train = tf.data.Dataset.from_tensor_slices(images[:3]).batch(2)
        >>> test = tf.data.Dataset.from_tensor_slices(images[2:]).batch(2)
        >>> count_shared(train, test)
        Shared(count=1, of=2)
    """
    known = set(_digests(train))
    found = [digest in known for digest in _digests(test)]
    return Shared(sum(found), len(found))


def _digests(batches):
    for batch in batches:
        images = batch[0] if isinstance(batch, tuple) else batch
        for image in np.ascontiguousarray(images.numpy()):
            yield hashlib.blake2b(image, digest_size=16).digest()
