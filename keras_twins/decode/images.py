"""Encoded images to RGB pixels inside a TensorFlow graph, their headers checked first.

Everything here is a part of the exported model, too, and runs in C++ on bytes from
strangers: an image's size is read from its header and refused before any decoder
allocates memory for it, and what a decoder of TensorFlow is known to misread never
reaches it.
"""

import dataclasses
import functools

import tensorflow as tf

from keras_twins.decode import image_reasons, kinds, orientation
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

# Slower by a twentieth than TensorFlow's default, and Pillow's pixels bit for bit.
_DCT = "INTEGER_ACCURATE"


@dataclasses.dataclass(frozen=True)
class ImageDecoder(Decoder):
    """Decodes a JPEG, PNG, BMP, GIF (its first frame) or still WebP to RGB.

    Images are turned as their Exif block says. Grey and palette images become RGB, and
    an alpha channel is dropped, as `PIL.Image.convert("RGB")` does. An element is a
    uint8 tensor `(height, width, 3)`.

    Attributes:
        levels: None, or `(low, high)`: the samples of 16 bits that become 0 and 255,
            what lies between them in proportion. None keeps their high byte. Files of
            8 bits are as they are.
    """

    levels: tuple[int, int] | None = None

    input_name = "image_bytes"

    def __post_init__(self):
        if self.levels is None:
            return
        low, high = self.levels
        if not 0 <= low < high <= 65_535:
            raise ValueError(
                "Invalid `levels`. Expected (low, high) with 0 <= low < high <= 65535. "
                f"Received: levels={self.levels}"
            )
        # A list cannot be looked up among the graphs that are traced.
        object.__setattr__(self, "levels", (low, high))

    def decode(self, contents, label, limits=DEFAULT_LIMITS):
        return _graph(limits, self.levels)(contents, label)

    def is_whole_jpeg(self, contents):
        """Whether bytes, a scalar string tensor, are a JPEG that ends as one ends.

        Of such a file a part may be decoded alone. In one that is cut off, the decoder
        of a part does not notice that the rest is missing.
        """
        length = tf.strings.length(contents)
        end = between(contents, tf.maximum(length - 2, 0), length)
        starts = _stands_at(contents, 0, kinds.IN_GRAPH[kinds.JPEG])
        return starts & (end == b"\xff\xd9")

    def jpeg_parts(self, contents, label, limits=DEFAULT_LIMITS):
        """A JPEG of which only parts are decoded, turned as `decode` turns it.

        Args: as `decode`, of a file that `is_whole_jpeg`.

        Returns:
            `(height, width, part)`: two scalar int32 tensors, and a function of a
            window, an int32 tensor `[top, left, height, width]`, that decodes it.
        """
        contents, height, width = _checked_jpeg(contents, label, limits)
        turn = orientation.of_jpeg(contents)
        height, width = tf.unstack(
            tf.where(turn >= 5, [width, height], [height, width])
        )

        def decoded(window):
            return tf.image.decode_and_crop_jpeg(
                contents, window, channels=3, dct_method=_DCT
            )

        def turned(window):
            window = orientation.stored_window(window, height, width, turn)
            return orientation.turned(decoded(window), turn)

        def part(window):
            return tf.cond(turn == 1, lambda: decoded(window), lambda: turned(window))

        return height, width, part


@functools.cache
def _graph(limits, levels):
    """The decoder as one graph, since tracing it anew takes each pipeline a while."""

    def decode(contents, label):
        def by(decode_kind, *options):
            return lambda: decode_kind(contents, label, limits, *options)

        def starts(kind):
            start = kinds.IN_GRAPH[kind]
            return tf.strings.substr(head, 0, len(start)) == start

        # With zeros, as a part of a string that is shorter is an error.
        head = between(contents, 0, 12) + bytes(12)
        is_webp = (tf.strings.substr(head, 0, 4) == b"RIFF") & (
            tf.strings.substr(head, 8, 4) == b"WEBP"
        )
        # A GPU has no part in it, but would take the small sums of the headers.
        with tf.device("CPU:0"):
            image = tf.case(
                [
                    (starts(kinds.JPEG), by(_decode_jpeg)),
                    (starts(kinds.PNG), by(_decode_png, levels)),
                    (starts(kinds.GIF), by(decode_gif)),
                    (starts(kinds.BMP), by(decode_bmp)),
                    (is_webp, by(_decode_webp)),
                ],
                default=by(_refuse),
            )
        return tf.ensure_shape(image, (None, None, 3))

    signature = [tf.TensorSpec((), tf.string)] * 2
    return tf.function(decode, input_signature=signature, autograph=False)


def _decode_jpeg(contents, label, limits):
    contents, _, _ = _checked_jpeg(contents, label, limits)
    pixels = tf.io.decode_jpeg(contents, channels=3, dct_method=_DCT)
    return orientation.turned(pixels, orientation.of_jpeg(contents))


def _checked_jpeg(contents, label, limits):
    """The bytes of a JPEG that is not too large, its height and its width."""
    height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(contents))
    with size_checked(width, height, label, limits):
        return tf.identity(contents), height, width


def _decode_png(contents, label, limits, levels):
    header = leading_bytes(contents, 25)
    width = number(header[16:20], big_endian=True)
    height = number(header[20:24], big_endian=True)

    def decoded():
        return tf.io.decode_png(contents, channels=3)

    def levelled():
        low, high = (float(level) for level in levels)
        samples = tf.io.decode_png(contents, channels=3, dtype=tf.uint16)
        shares = (tf.cast(samples, tf.float32) - low) / (high - low)
        return tf.cast(tf.round(255.0 * tf.clip_by_value(shares, 0.0, 1.0)), tf.uint8)

    with size_checked(width, height, label, limits):
        if levels is None:
            pixels = decoded()
        else:
            pixels = tf.cond(header[24] == 16, levelled, decoded)
    return orientation.turned(pixels, orientation.of_png(contents))


def _decode_webp(contents, label, limits):
    """Decodes a still WebP to the pixels that Pillow gives, bit for bit."""
    header = leading_bytes(contents, 30)
    width, height = _webp_size(header)
    extended = _is_chunk(header, b"VP8X")
    # TensorFlow 2.21 writes beyond its buffer on an animation without an alpha channel.
    still = ~(extended & (header[20] % 4 >= 2))
    with refused_unless(still, label, image_reasons.ANIMATED_WEBP):
        with size_checked(width, height, label, limits):
            # Not by `decode_webp`: a server whose TensorFlow lacks that op could not
            # load the model. The decoder refuses to leave out an alpha channel.
            image = tf.io.decode_image(contents, channels=0, expand_animations=False)
    return orientation.turned(image[..., :3], orientation.of_webp(contents))


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
    """Says of what kind the file is that is none of those above."""
    del limits
    is_empty = tf.strings.length(contents) == 0
    reason = tf.where(is_empty, image_reasons.EMPTY, image_reasons.NOT_AN_IMAGE)
    for kind, (position, starts) in kinds.CONVERTED.items():
        found = [_stands_at(contents, position, start) for start in starts]
        another = image_reasons.of_another_kind(kind)
        reason = tf.where(tf.reduce_any(found), another, reason)
    with refused_unless(False, label, reason):
        return tf.zeros((1, 1, 3), tf.uint8)


def _stands_at(contents, position, value):
    found = leading_bytes(contents, position + len(value))[position:]
    return tf.reduce_all(found == list(value))
