"""What the encoder itself answers, and how far an export may be from it."""

import contextlib

import numpy as np
import tensorflow as tf

from keras_twins.data.preprocess import resize_and_crop
from keras_twins.export.graph import embed_pixels

# The largest difference to the Keras encoder, relative to the largest component. What
# computes in 16 bits rounds at other places once its graph is optimised.
_TOLERANCE = 1e-5
_TOLERANCE_16_BITS = 3e-2


class ExportError(RuntimeError):
    """The written model does not answer as the encoder does; nothing was published."""


class Reference:
    """Pictures, and the embeddings that the Keras encoder gives them.

    Args:
        encoder: Keras model from float32 pixels in 0..255 to `(batch, width)`.
        pictures: list of uint8 arrays `(height, width, 3)`, of any sizes.
        image_size: int. Side of the encoder's input in pixels.
        resize: int or None. What the shorter side becomes before the crop.
        normalise: bool. Whether embeddings get unit length.
        in_16_bits: bool. Whether the encoder or the export computes in 16 bits.

    Raises:
        ExportError: if an embedding is not finite.
    """

    def __init__(self, encoder, pictures, image_size, resize, normalise, in_16_bits):
        self.pictures = pictures
        self.tolerance = _TOLERANCE_16_BITS if in_16_bits else _TOLERANCE
        squares = [resize_and_crop(p, image_size, resize) for p in pictures]
        self.pixels = tf.stack(squares).numpy()
        with full_float32():
            self.embeddings = embed_pixels(encoder, self.pixels, normalise).numpy()
        if not np.isfinite(self.embeddings).all():
            raise ExportError("the encoder gives embeddings that are not finite")

    def difference(self, name, answer):
        """Compares the embeddings of all pictures that something exported gave.

        Args:
            name: str. What answered, for the message.
            answer: float array.

        Returns:
            float. The largest difference, relative to the largest component.

        Raises:
            ExportError: if it is more than the tolerance, or the shapes differ.
        """
        expected = self.embeddings
        if answer.shape != expected.shape:
            raise ExportError(
                f"{name} answers shape {answer.shape}, the encoder {expected.shape}"
            )
        largest = max(np.abs(expected).max(), 1e-12)
        difference = float(np.abs(answer - expected).max() / largest)
        # Written so that a NaN fails.
        if not difference <= self.tolerance:
            raise ExportError(
                f"{name} differs from the encoder by {difference:.1e} (relative); "
                f"at most {self.tolerance:.0e} is allowed"
            )
        return difference


@contextlib.contextmanager
def full_float32():
    """Keeps a GPU from shortening float32 factors to 10 bits while answers compare."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(enabled)


def made_pictures(image_size, seed=0):
    """Draws pictures that are smooth like photographs: square, wide and tall.

    Args:
        image_size: int. Their sides are this and twice this, in pixels.
        seed: int.

    Returns:
        list of uint8 arrays `(height, width, 3)`.
    """
    sizes = [
        (image_size, image_size),
        (image_size, 2 * image_size),
        (2 * image_size, image_size),
    ]
    pictures = []
    for n, size in enumerate(sizes):
        coarse = tf.random.stateless_uniform((4, 4, 3), (seed, n), maxval=255.0)
        smooth = tf.image.resize(coarse, size, method="bicubic")
        pictures.append(tf.cast(tf.clip_by_value(smooth, 0, 255), tf.uint8).numpy())
    return pictures
