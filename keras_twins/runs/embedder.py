"""Pictures that are embedded as a run's own images are."""

import os

import numpy as np
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop
from keras_twins.decode import errors
from keras_twins.decode.images import ImageDecoder
from keras_twins.errors import InputError
from keras_twins.serving import client_images

_AT_A_TIME = 32


class RunEmbedder:
    """Embeds pictures with the encoder of a run.

    Args:
        run: `keras_twins.runs.run.Run` that has ended.
    """

    def __init__(self, run):
        self._encoder = run.trained_encoder()
        self._levels = run.levels
        settings = run.config.evaluation
        self._size, self._resize = settings.image_size, settings.resize

    def embed(self, pictures):
        """The embeddings of some pictures, float32 `(n, D)`.

        Args:
            pictures: list of paths of files, or of the bytes of files.

        Raises:
            InputError: for what is missing or not an image.
        """
        parts = []
        for start in range(0, len(pictures), _AT_A_TIME):
            images = [
                resize_and_crop(
                    read_picture(picture, self._levels), self._size, self._resize
                )
                for picture in pictures[start : start + _AT_A_TIME]
            ]
            parts.append(np.asarray(self._encoder(np.stack(images), training=False)))
        return np.concatenate(parts)


def read_picture(picture, levels=None):
    """The pixels of an image file, uint8 `(height, width, 3)`.

    Args:
        picture: path of a file, or the bytes of one.
        levels: `(low, high)`, the levels of the run's 16-bit samples, or None.

    Raises:
        InputError: for a file that is missing or not an image.
    """
    name = "the picture" if isinstance(picture, bytes) else str(picture)
    if not isinstance(picture, bytes) and not os.path.isfile(picture):
        raise InputError(f"{name!r} does not exist; expected an image")
    encoded = client_images.encode(0, picture)
    try:
        return ImageDecoder(levels).decode(encoded, os.path.basename(name)).numpy()
    except tf.errors.OpError as error:
        raise InputError(f"{name} {errors.reason(error.message)}") from error
