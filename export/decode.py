"""Decodes one encoded picture inside a TensorFlow graph, its header checked first.

Everything here becomes part of the exported model and runs in C++ on bytes from
strangers: a picture's size is read from its header and refused before any decoder
allocates memory for it. `tf.io.decode_image` is avoided because it also takes
formats whose headers are not checked here (its decoder of animated WebP corrupts
the heap in TensorFlow 2.21).
"""

import tensorflow as tf


def decode_picture(encoded, label, max_pixels):
    """Decodes a JPEG, PNG, BMP or GIF (its first frame) to RGB.

    Grey and palette pictures become RGB, an alpha channel is dropped (as
    `PIL.Image.convert("RGB")` does) and 16-bit samples keep their high byte.

    Args:
        encoded: scalar string tensor.
        label: scalar string tensor that names the picture in error messages.
        max_pixels: int. The largest width x height that is decoded.

    Returns:
        uint8 tensor `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: where the graph runs on what is no picture, or
            on a picture whose header claims more than `max_pixels`.
    """

    def checked(decode):
        return lambda: decode(encoded, label, max_pixels)

    start = tf.strings.substr(encoded, 0, 4)
    image = tf.case(
        [
            (tf.strings.substr(start, 0, 3) == b"\xff\xd8\xff", checked(_decode_jpeg)),
            (start == b"\x89PNG", checked(_decode_png)),
            (start == b"GIF8", checked(_decode_gif)),
            (tf.strings.substr(start, 0, 2) == b"BM", checked(_decode_bmp)),
        ],
        default=checked(_refuse),
    )
    return tf.ensure_shape(image, (None, None, 3))


def _decode_jpeg(encoded, label, max_pixels):
    height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(encoded))
    with _size_checked(width, height, label, max_pixels):
        return tf.io.decode_jpeg(encoded, channels=3)


def _decode_png(encoded, label, max_pixels):
    header = _leading_bytes(encoded, 24)
    width = _number(header[16:20], big_endian=True)
    height = _number(header[20:24], big_endian=True)
    with _size_checked(width, height, label, max_pixels):
        return tf.io.decode_png(encoded, channels=3)


def _decode_bmp(encoded, label, max_pixels):
    header = _leading_bytes(encoded, 34)
    pixels_at, header_size = _number(header[10:14]), _number(header[14:18])
    width, height = _signed(_number(header[18:22])), _signed(_number(header[22:26]))
    bits, compression = _number(header[28:30]), _number(header[30:34])
    # The decoder ignores these fields and would take compressed bytes for pixels.
    plain = (header_size >= 40) & tf.reduce_any(compression == [0, 3])
    depth_known = tf.reduce_any(bits == [8, 24, 32])
    kind = tf.Assert(
        plain & depth_known,
        [label + " is a BMP of a rare kind; uncompressed 8, 24 and 32 bits a pixel do"],
    )
    with tf.control_dependencies([kind]):
        with _size_checked(width, tf.abs(height), label, max_pixels):
            image = tf.io.decode_bmp(encoded, channels=0)

    def from_palette():
        entries = _slice(encoded, 14 + header_size, pixels_at)
        entries = tf.reshape(_leading_bytes(entries, 1024), (256, 4))
        # Stored as blue, green, red and a byte that says nothing.
        return tf.gather(entries[:, 2::-1], tf.cast(image[..., 0], tf.int32))

    return tf.cond(bits == 8, from_palette, lambda: image[..., :3])


def _decode_gif(encoded, label, max_pixels):
    # The decoder reads every frame into memory and trusts the later frames' headers,
    # so it gets a GIF that ends after its first frame.
    contents = tf.concat([tf.io.decode_raw(encoded, tf.uint8), [0]], axis=0)
    contents = tf.cast(contents, tf.int32)
    end = tf.size(contents) - 1

    def byte(position):
        return contents[tf.minimum(position, end)]

    def after_table(position, flags):
        entries = tf.bitwise.left_shift(2, tf.bitwise.bitwise_and(flags, 7))
        return position + tf.where(flags >= 128, 3 * entries, 0)

    frame = _after_extensions(byte, after_table(13, byte(10)))
    data = tf.minimum(after_table(frame + 10, byte(frame + 9)) + 1, end)
    frame_end = data + _length_of_blocks(contents[data:])
    # The frame's place on the canvas (four bytes) becomes the upper left corner.
    alone = tf.strings.join(
        [
            _slice(encoded, 0, frame + 1),
            b"\x00\x00\x00\x00",
            _slice(encoded, frame + 5, frame_end),
            b";",
        ]
    )
    width = byte(frame + 5) + 256 * byte(frame + 6)
    height = byte(frame + 7) + 256 * byte(frame + 8)
    is_frame = tf.Assert(byte(frame) == 0x2C, [label + " is a GIF without a picture"])
    with tf.control_dependencies([is_frame]):
        with _size_checked(width, height, label, max_pixels):
            return tf.io.decode_gif(alone)[0]


def _after_extensions(byte, position):
    """Where the first block that is no extension starts in a GIF."""

    def step(position, inside):
        size = byte(position)
        return (
            tf.where(inside, position + size + 1, position + 2),
            tf.logical_not(inside) | (size > 0),
        )

    position, _ = tf.while_loop(
        lambda position, inside: inside | (byte(position) == 0x21),
        step,
        (position, False),
        # Far more than comments and colour profiles need: bounds a hostile file.
        maximum_iterations=8192,
    )
    return position


def _length_of_blocks(contents):
    """Length of a GIF's chain of sub-blocks, the closing empty one included.

    Each block starts with its size. Following the chain one by one would take a graph
    op per block; doubling the jumps takes the logarithm of that.
    """
    here = tf.range(tf.size(contents))
    following = tf.minimum(here + contents + 1, tf.size(contents) - 1)
    jump = tf.where(contents > 0, following, here)
    (jump,) = tf.while_loop(
        lambda jump: contents[jump[0]] > 0,
        lambda jump: (tf.gather(jump, jump),),
        (jump,),
    )
    return jump[0] + 1


def _refuse(encoded, label, max_pixels):
    del encoded, max_pixels
    no_picture = tf.Assert(False, [label + " is no JPEG, PNG, BMP or GIF picture"])
    with tf.control_dependencies([no_picture]):
        return tf.zeros((1, 1, 3), tf.uint8)


def _size_checked(width, height, label, max_pixels):
    """A scope whose ops run only if the picture claims 1 to `max_pixels` pixels."""
    # The product of two 32-bit sizes may pass the largest int64; float64 holds it.
    pixels = tf.cast(width, tf.float64) * tf.cast(height, tf.float64)
    claim = tf.strings.format(" claims {} x {} pixels", (width, height))
    fits = (width >= 1) & (height >= 1) & (pixels <= max_pixels)
    message = label + claim + f"; 1 to {max_pixels} are decoded"
    return tf.control_dependencies([tf.Assert(fits, [message])])


def _leading_bytes(encoded, count):
    """The first `count` bytes, with zeros where there are fewer, as uint8."""
    return tf.io.decode_raw(encoded, tf.uint8, fixed_length=count)


def _slice(encoded, start, stop):
    """Bytes from `start` to `stop`, as many as there are.

    A `substr` past the end fails with the whole string in its message.
    """
    length = tf.cast(tf.strings.length(encoded), tf.int64)
    start = tf.minimum(tf.cast(start, tf.int64), length)
    count = tf.maximum(tf.cast(stop, tf.int64) - start, 0)
    return tf.strings.substr(encoded, start, count)


def _number(digits, big_endian=False):
    """An unsigned number of two or four bytes, as int64."""
    powers = [256**i for i in range(digits.shape[0])]
    powers = powers[::-1] if big_endian else powers
    return tf.reduce_sum(tf.cast(digits, tf.int64) * powers)


def _signed(number):
    return tf.where(number >= 2**31, number - 2**32, number)
