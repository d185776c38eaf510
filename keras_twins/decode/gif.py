"""The first frame of a GIF on its canvas, and no byte of the others."""

import tensorflow as tf

from keras_twins.decode import image_reasons
from keras_twins.decode.fields import between, refused_unless, size_checked

_FRAME, _EXTENSION, _GRAPHIC_CONTROL = 0x2C, 0x21, 0xF9
# The screen's flags, background and aspect, and the table, where a file has no colours.
_GREY_TABLE = bytes([0xF7, 0, 0]) + bytes(i for i in range(256) for _ in range(3))


def decode_gif(contents, label, limits):
    """Decodes the first frame of a GIF, where it stands on the canvas.

    The decoder reads every frame into memory and trusts the later frames' headers, so
    it gets a GIF that ends after its first frame. As Pillow does, the rest of the
    canvas is filled with the transparent colour, or the table's first.

    Args: as `ImageDecoder.decode`.

    Returns:
        uint8 tensor `(height, width, 3)`.
    """
    numbers = tf.concat([tf.io.decode_raw(contents, tf.uint8), [0]], axis=0)
    numbers = tf.cast(numbers, tf.int32)
    end = tf.size(numbers) - 1

    def byte(position):
        return numbers[tf.minimum(position, end)]

    def pair(position):
        return byte(position) + 256 * byte(position + 1)

    def after_table(position, flags):
        entries = tf.bitwise.left_shift(2, tf.bitwise.bitwise_and(flags, 7))
        return position + tf.where(flags >= 128, 3 * entries, 0)

    colours_end = after_table(13, byte(10))
    frame, transparent = _after_extensions(byte, colours_end)
    frame_colours_end = after_table(frame + 10, byte(frame + 9))
    data = tf.minimum(frame_colours_end + 1, end)
    frame_end = data + _length_of_blocks(numbers[data:])
    left, top, width, height = (pair(frame + at) for at in (1, 3, 5, 7))
    canvas_width = tf.maximum(pair(6), left + width)
    canvas_height = tf.maximum(pair(8), top + height)
    has_colours = (byte(10) >= 128) | (byte(frame + 9) >= 128)
    screen = tf.where(
        has_colours,
        between(contents, 0, colours_end),
        between(contents, 0, 10) + _GREY_TABLE,
    )
    # Without the extensions, no colour is transparent, which TensorFlow would paint
    # black. The frame's place on the canvas becomes the upper left corner.
    alone = tf.strings.join(
        [
            screen,
            bytes([_FRAME, 0, 0, 0, 0]),
            between(contents, frame + 5, frame_end),
            b";",
        ]
    )
    with refused_unless(byte(frame) == _FRAME, label, image_reasons.EMPTY_GIF):
        with size_checked(width, height, label, limits):
            with size_checked(canvas_width, canvas_height, label, limits):
                pixels = tf.io.decode_gif(alone)[0]

    def on_canvas():
        around = [
            [top, canvas_height - top - height],
            [left, canvas_width - left - width],
            [0, 0],
        ]
        table = tf.where(byte(frame + 9) >= 128, frame + 10, 13)
        table_end = tf.where(byte(frame + 9) >= 128, frame_colours_end, colours_end)
        places = table + 3 * transparent + tf.range(3)
        colour = tf.gather(numbers, tf.minimum(places, end))
        colour = tf.where(places < table_end, colour, 0)
        colour = tf.where(has_colours, colour, transparent)
        inside = tf.pad(tf.ones_like(pixels, tf.bool), around)
        return tf.where(inside, tf.pad(pixels, around), tf.cast(colour, tf.uint8))

    fills = (width == canvas_width) & (height == canvas_height)
    return tf.cond(fills, lambda: pixels, on_canvas)


def _after_extensions(byte, position):
    """Where the first block that is not an extension starts, and the colour's number
    that an extension before it makes transparent, or 0."""

    def step(position, transparent, inside):
        size = byte(position)
        starts = tf.logical_not(inside)
        control = starts & (byte(position + 1) == _GRAPHIC_CONTROL)
        names_one = control & (byte(position + 2) >= 4) & (byte(position + 3) % 2 == 1)
        return (
            tf.where(inside, position + size + 1, position + 2),
            tf.where(names_one, byte(position + 6), transparent),
            starts | (size > 0),
        )

    position, transparent, _ = tf.while_loop(
        lambda position, transparent, inside: inside | (byte(position) == _EXTENSION),
        step,
        (position, 0, False),
        # Far more than comments and colour profiles need: bounds a hostile file.
        maximum_iterations=8192,
    )
    return position, transparent


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
