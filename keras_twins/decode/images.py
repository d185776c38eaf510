"""Encoded images to RGB pixels inside a TensorFlow graph, their headers checked first.

Everything here is a part of the exported model, too, and runs in C++ on bytes from
strangers: an image's size is read from its header and refused before any decoder
allocates memory for it, and what a decoder of TensorFlow is known to misread never
reaches it.
"""

import dataclasses
import functools

import tensorflow as tf

from keras_twins.decode import errors
from keras_twins.decode.base import DEFAULT_LIMITS, Decoder
from keras_twins.decode.bmp import decode_bmp
from keras_twins.decode.fields import (
    between,
    leading_bytes,
    number,
    refused_unless,
    size_checked,
)
from keras_twins.decode.gif import decode_gif

_JPEG = b"\xff\xd8\xff"


@dataclasses.dataclass(frozen=True)
class ImageDecoder(Decoder):
    """Decodes a JPEG, PNG, BMP, GIF (its first frame) or still WebP to RGB.

    Grey and palette images become RGB, an alpha channel is dropped (as
    `PIL.Image.convert("RGB")` does) and 16-bit samples keep their high byte. An element
    is a uint8 tensor `(height, width, 3)`.

    Attributes:
        levels: None, or `(low, high)`, which samples of 16 bits become 0 and 255, what
            lies between them in proportion. Files of 8 bits are as they are.
    """

    levels: tuple[int, int] | None = None

    input_name = "image_bytes"

    def decode(self, contents, label, limits=DEFAULT_LIMITS):
        return _graph(limits)(contents, label)

    def is_whole_jpeg(self, contents):
        """Whether bytes, a scalar string tensor, are a JPEG that ends as one ends.

        Of such a file a part may be decoded alone. In one that is cut off, the decoder
        of a part does not notice that the rest is missing.
        """
        length = tf.strings.length(contents)
        end = between(contents, tf.maximum(length - 2, 0), length)
        return _stands_at(contents, 0, _JPEG) & (end == b"\xff\xd9")

    def checked_jpeg(self, contents, label, limits=DEFAULT_LIMITS):
        """The bytes of a JPEG, refused where `decode` refuses what the header says."""
        height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(contents))
        with size_checked(width, height, label, limits):
            return tf.identity(contents)


@functools.cache
def _graph(limits):
    """The decoder as one graph, since tracing it anew takes each pipeline a while."""

    def decode(contents, label):
        def by(decode_kind):
            return lambda: decode_kind(contents, label, limits)

        start = tf.strings.substr(contents, 0, 4)
        is_webp = (start == b"RIFF") & _stands_at(contents, 8, b"WEBP")
        # A GPU has no part in it, but would take the small sums of the headers.
        with tf.device("CPU:0"):
            image = tf.case(
                [
                    (_stands_at(contents, 0, _JPEG), by(_decode_jpeg)),
                    (start == b"\x89PNG", by(_decode_png)),
                    (start == b"GIF8", by(decode_gif)),
                    (tf.strings.substr(start, 0, 2) == b"BM", by(decode_bmp)),
                    (is_webp, by(_decode_webp)),
                ],
                default=by(_refuse),
            )
        return tf.ensure_shape(image, (None, None, 3))

    signature = [tf.TensorSpec((), tf.string)] * 2
    return tf.function(decode, input_signature=signature, autograph=False)


def _decode_jpeg(contents, label, limits):
    contents = ImageDecoder().checked_jpeg(contents, label, limits)
    return tf.io.decode_jpeg(contents, channels=3)


def _decode_png(contents, label, limits):
    header = leading_bytes(contents, 24)
    width = number(header[16:20], big_endian=True)
    height = number(header[20:24], big_endian=True)
    with size_checked(width, height, label, limits):
        return tf.io.decode_png(contents, channels=3)


def _decode_webp(contents, label, limits):
    """Decodes a still WebP to the pixels that Pillow gives, bit for bit."""
    header = leading_bytes(contents, 30)
    width, height = _webp_size(header)
    extended = _is_chunk(header, b"VP8X")
    # TensorFlow 2.21 writes beyond its buffer on an animation without an alpha channel.
    still = ~(extended & (header[20] % 4 >= 2))
    with refused_unless(still, label, errors.ANIMATED_WEBP):
        with size_checked(width, height, label, limits):
            # Not by `decode_webp`: a server whose TensorFlow lacks that op could not
            # load the model. The decoder refuses to leave out an alpha channel.
            image = tf.io.decode_image(contents, channels=0, expand_animations=False)
    return image[..., :3]


def _webp_size(header):
    """Width and height that the first chunk of a WebP claims; 0 where it has none."""
    extended = [number(header[24:27]) + 1, number(header[27:30]) + 1]
    packed = number(header[21:25])
    lossless = [packed % 2**14 + 1, packed // 2**14 % 2**14 + 1]
    lossy = [number(header[26:28]) % 2**14, number(header[28:30]) % 2**14]
    size = tf.where(_is_chunk(header, b"VP8 "), lossy, [0, 0])
    size = tf.where(_is_chunk(header, b"VP8L"), lossless, size)
    size = tf.where(_is_chunk(header, b"VP8X"), extended, size)
    return tf.unstack(size)


def _is_chunk(header, name):
    return tf.reduce_all(header[12:16] == list(name))


def _refuse(contents, label, limits):
    del contents, limits
    with refused_unless(False, label, errors.NOT_AN_IMAGE):
        return tf.zeros((1, 1, 3), tf.uint8)


def _stands_at(contents, position, value):
    found = leading_bytes(contents, position + len(value))[position:]
    return tf.reduce_all(found == list(value))
