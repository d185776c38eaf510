"""BMP files whose rows lie in the file as pixels: of 8, 24 and 32 bits."""

import tensorflow as tf

from keras_twins.decode import image_reasons, kinds
from keras_twins.decode.fields import (
    between,
    leading_bytes,
    number,
    refused_unless,
    signed,
    size_checked,
)

# TensorFlow's own decoder knows one header of many, takes the indices into a palette
# for grey levels, and what follows the rows for pixels.


def decode_bmp(contents, label, limits):
    """Decodes an uncompressed BMP of 8, 24 or 32 bits per pixel.

    Args: as `ImageDecoder.decode`.

    Returns:
        uint8 tensor `(height, width, 3)`.
    """
    header = leading_bytes(contents, kinds.BMP_HEADER_BYTES)
    pixels_at, header_size = number(header[10:14]), number(header[14:18])
    width, signed_height = signed(number(header[18:22])), signed(number(header[22:26]))
    bits, compression = number(header[28:30]), number(header[30:34])
    masks = tf.reduce_all(header[54:66] == list(kinds.BMP_MASKS))
    plain = (compression == 0) | ((compression == 3) & masks & (bits > 8))
    known_header = tf.reduce_any(header_size == kinds.BMP_HEADERS)
    known = plain & known_header & tf.reduce_any(bits == [8, 24, 32])
    height = tf.abs(signed_height)
    with refused_unless(known, label, image_reasons.RARE_BMP):
        with size_checked(width, height, label, limits):
            row_bytes = (width * bits + 31) // 32 * 4
    colours, most = number(header[46:50]), tf.constant(256, tf.int64)
    palette_at = 14 + header_size
    palette_end = palette_at + 4 * tf.where(colours == 0, most, colours)
    # A palette may stand where the header says that the pixels begin.
    behind = (bits == 8) & (pixels_at == palette_at)
    pixels_at = tf.where(behind, palette_end, pixels_at)
    rows = between(contents, pixels_at, pixels_at + height * row_bytes)
    whole = tf.cast(tf.strings.length(rows), tf.int64) == height * row_bytes
    with refused_unless(whole, label, image_reasons.CUT_OFF_BMP):
        rows = tf.reshape(tf.io.decode_raw(rows, tf.uint8), (height, row_bytes))
    rows = tf.cond(signed_height > 0, lambda: rows[::-1], lambda: rows)
    pixels = tf.reshape(rows[:, : width * bits // 8], (height, width, bits // 8))

    def from_palette():
        entries = between(contents, palette_at, palette_end)
        entries = tf.reshape(leading_bytes(entries, 1024), (256, 4))
        return tf.gather(entries, tf.cast(pixels[..., 0], tf.int32))

    # Stored as blue, green, red and, but for 24 bits, a byte that says nothing.
    return tf.cond(bits == 8, from_palette, lambda: pixels)[..., 2::-1]
