"""What the encoder itself answers, and how far an export may be from it."""

import numpy as np
import tensorflow as tf

from keras_twins.export.graph import embed_prepared
from keras_twins.float32 import exact_products

# The largest difference to the Keras encoder, relative to the largest component. What
# computes in 16 bits rounds at other places once its graph is optimised.
_TOLERANCE = 1e-5
_TOLERANCE_16_BITS = 3e-2


class ExportError(RuntimeError):
    """The written model does not answer as the encoder does; nothing was published."""


class Reference:
    """Elements, and the embeddings that the Keras encoder gives them.

    Args:
        encoder: Keras model from what `prepare` gives to `(batch, width)`.
        elements: list of arrays, what files are decoded to, such as pictures.
        files: list of bytes, files that are decoded to just these elements.
        prepare: function from an element to what the encoder takes of it.
        normalise: bool. Whether embeddings get unit length.
        in_16_bits: bool. Whether the encoder or the export computes in 16 bits.

    Raises:
        ExportError: if an embedding is not finite.
    """

    def __init__(self, encoder, elements, files, prepare, normalise, in_16_bits):
        self.elements = elements
        self.files = files
        self.tolerance = _TOLERANCE_16_BITS if in_16_bits else _TOLERANCE
        with exact_products():
            self.prepared = [prepare(element).numpy() for element in elements]
            alone = [
                embed_prepared(encoder, prepared[np.newaxis], normalise)
                for prepared in self.prepared
            ]
        self.embeddings = np.concatenate(alone)
        if not np.isfinite(self.embeddings).all():
            raise ExportError("the encoder gives embeddings that are not finite")

    def difference(self, name, answer):
        """Compares the embeddings of all elements that something exported gave.

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


def made_sounds(rate, samples, seed=0):
    """Makes waveforms like notes in a noise: short, long, and silent at the end.

    Args:
        rate: int, in Hz.
        samples: int. They have half, twice and three times as many.
        seed: int.

    Returns:
        list of float32 arrays `(samples,)` in −1..1.
    """
    random = np.random.default_rng(seed)
    sounds = []
    for count in (samples // 2, 2 * samples, 3 * samples):
        times = np.arange(count) / rate
        notes = random.uniform(100, rate / 4, (4, 1))
        tones = np.sin(2 * np.pi * notes * times) * np.exp(-3 * times)
        noise = random.normal(size=count) / 100
        sounds.append((0.2 * tones.sum(axis=0) + noise).astype(np.float32))
    sounds[-1][-samples:] = 0.0
    return sounds
