"""What the signature of an exported model takes that gets arrays instead of files."""

import abc
import dataclasses

import tensorflow as tf

from keras_twins.export.signatures import EMBED_IMAGES, EMBED_SAMPLES, IMAGES, SAMPLES

# What is decoded from a compressed file may be louder than its recording was. Integers
# in a float are far above.
_LOUDEST = 2.0


class Arrays(abc.ABC):
    """A batch of elements of one size, checked in the graph.

    Attributes:
        signature: str, the signature's name.
        name: str, the name of its input.
        dtype: `tf.DType`.
        shape: tuple of int and None, what clients are told.
    """

    signature: str
    name: str
    dtype: tf.DType
    shape: tuple[int | None, ...]

    @abc.abstractmethod
    def checked(self, batch):
        """The batch, a tensor of any shape, once it is what the model takes.

        Raises:
            tf.errors.InvalidArgumentError: where the graph runs on another one.
        """

    def _of_rank(self, batch):
        """Whether the rank fits, and the axes, with −1 for those that are missing."""
        shape = tf.shape(batch)
        # Padded, so that what is asked of the axes has an answer at any rank.
        axes = tf.concat([shape, [-1] * len(self.shape)], axis=0)
        return tf.size(shape) == len(self.shape), axes


class ImageArrays(Arrays):
    """RGB images of one size."""

    signature, name, dtype = EMBED_IMAGES, IMAGES, tf.uint8
    shape = (None, None, None, 3)

    def checked(self, batch):
        is_batch, axes = self._of_rank(batch)
        is_rgb = (axes[1] > 0) & (axes[2] > 0) & (axes[3] == 3)
        expected = (
            "images must be uint8 RGB of shape (N, height, width, 3), height and "
            "width at least 1; got "
        )
        with refused_unless(is_batch & is_rgb, expected, tf.shape(batch)):
            return tf.ensure_shape(batch, self.shape)


@dataclasses.dataclass(frozen=True)
class SampleArrays(Arrays):
    """Waveforms of one length, at the model's rate.

    Attributes:
        rate: int, in Hz.
        max_seconds: float, how long a waveform may be.
    """

    rate: int
    max_seconds: float

    signature, name, dtype = EMBED_SAMPLES, SAMPLES, tf.float32
    shape = (None, None)

    def checked(self, batch):
        is_batch, axes = self._of_rank(batch)
        most = int(self.max_seconds * self.rate)
        fits = (axes[1] >= 1) & (axes[1] <= most)
        expected = (
            f"samples must be float32 of shape (N, samples) at {self.rate} Hz, 1 to "
            f"{most} samples; got "
        )
        with refused_unless(is_batch & fits, expected, tf.shape(batch)):
            batch = tf.ensure_shape(batch, self.shape)
        # Written so that a NaN fails.
        is_wave = tf.reduce_all(tf.abs(batch) <= _LOUDEST)
        message = "samples must be numbers in -1..1; got others (beyond 2, or NaN)"
        with tf.control_dependencies([tf.Assert(is_wave, [message])]):
            return tf.identity(batch)


def refused_unless(condition, expected, shape):
    """A scope whose ops run only where the condition on a shape holds."""
    message = expected + tf.strings.format("shape {}", shape)
    return tf.control_dependencies([tf.Assert(condition, [message])])
