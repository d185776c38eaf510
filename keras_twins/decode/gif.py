"""The first frame of a GIF, and no byte of the others."""

import tensorflow as tf

from keras_twins.decode import errors
from keras_twins.decode.fields import between, refused_unless, size_checked

_FRAME, _EXTENSION = 0x2C, 0x21


def decode_gif(contents, label, limits):
    """Decodes the first frame of a GIF, at its own size rather than the canvas's.

    The decoder reads every frame into memory and trusts the later frames' headers, so
    it gets a GIF that ends after its first frame.

    Args: as `ImageDecoder.decode`.

    Returns:
        uint8 tensor `(height, width, 3)`.
    """
    numbers = tf.concat([tf.io.decode_raw(contents, tf.uint8), [0]], axis=0)
    numbers = tf.cast(numbers, tf.int32)
    end = tf.size(numbers) - 1

    def byte(position):
        return numbers[tf.minimum(position, end)]

    def after_table(position, flags):
        entries = tf.bitwise.left_shift(2, tf.bitwise.bitwise_and(flags, 7))
        return position + tf.where(flags >= 128, 3 * entries, 0)

    colours_end = after_table(13, byte(10))
    frame = _after_extensions(byte, colours_end)
    data = tf.minimum(after_table(frame + 10, byte(frame + 9)) + 1, end)
    frame_end = data + _length_of_blocks(numbers[data:])
    # Without the extensions, no colour is transparent, which TensorFlow would paint
    # black. The frame's place on the canvas becomes the upper left corner.
    alone = tf.strings.join(
        [
            between(contents, 0, colours_end),
            bytes([_FRAME, 0, 0, 0, 0]),
            between(contents, frame + 5, frame_end),
            b";",
        ]
    )
    width = byte(frame + 5) + 256 * byte(frame + 6)
    height = byte(frame + 7) + 256 * byte(frame + 8)
    with refused_unless(byte(frame) == _FRAME, label, errors.EMPTY_GIF):
        with size_checked(width, height, label, limits):
            return tf.io.decode_gif(alone)[0]


def _after_extensions(byte, position):
    """Where the first block that is not an extension starts."""

    def step(position, inside):
        size = byte(position)
        return (
            tf.where(inside, position + size + 1, position + 2),
            tf.logical_not(inside) | (size > 0),
        )

    position, _ = tf.while_loop(
        lambda position, inside: inside | (byte(position) == _EXTENSION),
        step,
        (position, False),
        # Far more than comments and colour profiles need: bounds a hostile file.
        maximum_iterations=8192,
    )
    return position


def _length_of_blocks(numbers):
    """Length of a chain of sub-blocks, the closing empty one included.

    Each block starts with its size. Following the chain one by one would take a graph
    op per block; doubling the jumps takes the logarithm of that.
    """
    here = tf.range(tf.size(numbers))
    following = tf.minimum(here + numbers + 1, tf.size(numbers) - 1)
    jump = tf.where(numbers > 0, following, here)
    (jump,) = tf.while_loop(
        lambda jump: numbers[jump[0]] > 0,
        lambda jump: (tf.gather(jump, jump),),
        (jump,),
    )
    return jump[0] + 1
