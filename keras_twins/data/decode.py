"""Encoded image bytes to RGB pixels, inside the graph."""

import concurrent.futures
import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from keras_twins.errors import UnreadableImage

_UNREADABLE = "cannot be read as an image"
_ASSERTION = re.compile(rf"assertion failed: \[(.+?) {_UNREADABLE}\]", re.DOTALL)
_READING = re.compile("Decode(Image|Bmp|AndCropJpeg)|ExtractJpegShape|ReadFile")
# What must be known of a file before it is decoded lies in its first bytes: the fixed
# part of a BMP's header is the longest.
_HEADER_BYTES = 54


def decode_rgb(contents, name):
    """Decodes JPEG, PNG, BMP, GIF (first frame) or WebP bytes into RGB.

    Grey and palette images become RGB, 16-bit samples keep their high byte, and an
    alpha channel is dropped.

    Args:
        contents: string scalar. The encoded bytes.
        name: string scalar. What an error message calls the image, for instance the
            path of its file.

    Returns:
        uint8 tensor of shape `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no such image.
            `explain_read_errors` makes one readable line of it.
    """
    header = tf.strings.substr(contents, 0, _HEADER_BYTES) + b"\0" * _HEADER_BYTES
    is_bmp = _field(header, 0, b"BM")
    is_webp = _field(header, 0, b"RIFF") & _field(header, 8, b"WEBP")
    bits_per_pixel = _uint16(header, 28)
    # TensorFlow reads compressed BMPs as if they were not, and writes beyond its buffer
    # when an animated WebP has no alpha channel: neither may reach its decoder.
    compressed_bmp = is_bmp & (bits_per_pixel <= 8) & (_uint16(header, 30) != 0)
    animated_webp = (
        is_webp & _field(header, 12, b"VP8X") & (_uint16(header, 20) % 4 >= 2)
    )
    known = (
        is_jpeg(header)
        | _field(header, 0, b"\x89PNG")
        | _field(header, 0, b"GIF8")
        | (is_bmp & ~compressed_bmp)
        | (is_webp & ~animated_webp)
    )
    check = tf.debugging.Assert(known, [tf.strings.join([name, " ", _UNREADABLE])])
    with tf.control_dependencies([check]):
        contents = tf.identity(contents)
    image = tf.case(
        [
            (is_bmp & (bits_per_pixel == 8), lambda: _decode_palette_bmp(contents)),
            # The WebP decoder refuses to leave out an alpha channel that is there.
            (is_webp, lambda: _decode(contents, channels=0)[..., :3]),
        ],
        default=lambda: _decode(contents, channels=3),
    )
    return tf.ensure_shape(image, (None, None, 3))


@contextlib.contextmanager
def explain_read_errors(images: tf.data.Dataset) -> Iterator[None]:
    """Turns TensorFlow's error about an unreadable image into one readable line.

    An image that cannot be decoded stops `fit`, or any other loop over a data set,
    with an error that shows the graph and, for a truncated file, does not name it.

    Args:
        images: what `kt.data.load` returned.

    Raises:
        UnreadableImage: naming the file that cannot be read. Errors that do not come
            from reading images pass unchanged.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raise _explained(error, images) or error from None


def _explained(error, images):
    found = _ASSERTION.search(str(error))
    if found:
        return UnreadableImage(f"{found[1]} {_UNREADABLE}")
    paths = getattr(getattr(images, "source", None), "paths", None)
    if paths is None or not _READING.search(str(error)):
        return None
    path = first_unreadable(paths)
    return None if path is None else UnreadableImage(f"{path} {_UNREADABLE}")


def read_rgb(path):
    """Reads and decodes one file; `path` is a string scalar."""
    return decode_rgb(tf.io.read_file(path), path)


def is_jpeg(contents):
    """Whether encoded bytes, a string scalar, are those of a JPEG."""
    return _field(contents, 0, b"\xff\xd8\xff")


def first_unreadable(paths):
    """The first of `paths` that cannot be read as an image, or None."""

    def readable(path):
        try:
            with tf.device("CPU:0"):
                read_rgb(path)
        except tf.errors.OpError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for path, is_readable in zip(paths, pool.map(readable, paths), strict=True):
            if not is_readable:
                pool.shutdown(cancel_futures=True)
                return path
    return None


def _decode(contents, channels):
    return tf.io.decode_image(contents, channels=channels, expand_animations=False)


def _decode_palette_bmp(contents):
    """TensorFlow takes the indices into an 8-bit BMP's palette for grey levels."""
    indices = tf.io.decode_bmp(contents, channels=0)[..., 0]
    start = 14 + _uint16(contents, 14)
    count = _uint16(contents, 46)
    count = tf.where(count == 0, 256, count)
    blue_green_red_0 = tf.reshape(
        tf.io.decode_raw(tf.strings.substr(contents, start, 4 * count), tf.uint8),
        (-1, 4),
    )
    return tf.gather(blue_green_red_0[:, 2::-1], tf.cast(indices, tf.int32))


def _field(header, position, value):
    return tf.strings.substr(header, position, len(value)) == value


def _uint16(header, position):
    pair = tf.io.decode_raw(tf.strings.substr(header, position, 2), tf.uint16)
    return tf.cast(pair[0], tf.int32)
