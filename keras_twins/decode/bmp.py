"""BMP files, whose header TensorFlow's decoder reads only in part."""

import tensorflow as tf

from keras_twins.decode import errors
from keras_twins.decode.fields import (
    between,
    leading_bytes,
    number,
    refused_unless,
    signed,
    size_checked,
)

_HEADER_BYTES = 66
_PLAIN, _BIT_FIELDS = 0, 3
# Where red, green and blue lie in a pixel: the only order that the decoder knows.
_MASKS = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0])


def decode_bmp(contents, label, limits):
    """Decodes an uncompressed BMP of 8, 24 or 32 bits per pixel.

    Args: as `ImageDecoder.decode`.

    Returns:
        uint8 tensor `(height, width, 3)`.
    """
    header = leading_bytes(contents, _HEADER_BYTES)
    pixels_at, header_size = number(header[10:14]), number(header[14:18])
    width, height = signed(number(header[18:22])), signed(number(header[22:26]))
    bits, compression = number(header[28:30]), number(header[30:34])
    # The decoder ignores these fields and would take compressed bytes for pixels.
    usual_masks = tf.reduce_all(header[54:66] == list(_MASKS))
    plain = (compression == _PLAIN) | ((compression == _BIT_FIELDS) & usual_masks)
    known = (header_size >= 40) & plain & tf.reduce_any(bits == [8, 24, 32])
    with refused_unless(known, label, errors.RARE_BMP):
        with size_checked(width, tf.abs(height), label, limits):
            image = tf.io.decode_bmp(contents, channels=0)

    def from_palette():
        # TensorFlow takes the indices into the palette for grey levels.
        entries = between(contents, 14 + header_size, pixels_at)
        entries = tf.reshape(leading_bytes(entries, 1024), (256, 4))
        # Stored as blue, green, red and a byte that says nothing.
        return tf.gather(entries[:, 2::-1], tf.cast(image[..., 0], tf.int32))

    return tf.cond(bits == 8, from_palette, lambda: image[..., :3])
