"""Random resized crops and flips: where each view looks.

As torchvision's RandomResizedCrop: area uniform in `crop_scale` times the image's,
aspect log-uniform in `crop_ratio`, ten tries for a box that fits, else the largest
centred box of an allowed aspect. Whole pixels, as there, which is also what a JPEG
decoder can cut out.
"""

import math

import tensorflow as tf

from keras_twins import keys

TRIES = 10
# Streams of random numbers; see `keys.uniform`.
_AREA, _ASPECT, _TOP, _LEFT, _FLIP = 0, TRIES, 2 * TRIES, 2 * TRIES + 1, 2 * TRIES + 2
STREAMS = _FLIP + 1


def draw_boxes(states, view, height, width):
    """Draws one crop per image.

    Args:
        states: uint64 tensor of shape `(batch_size,)`, from `keys.image_states`.
        view: dict. One view of a spec.
        height, width: scalar ints or int tensors. Size of the images in pixels.

    Returns:
        `(top, left, box_height, box_width, flip)`: four float32 tensors of shape
        `(batch_size,)` that hold whole pixels, and a bool one.
    """
    numbers = keys.uniform(states, 0, STREAMS)
    height = tf.cast(height, tf.float32)
    width = tf.cast(width, tf.float32)
    box_height, box_width, fits = _draw_sizes(numbers, view, height, width)
    free_rows, free_columns = height - box_height, width - box_width
    # Each of the free + 1 positions has the same chance; the fallback is centred.
    random_top = tf.floor(numbers[:, _TOP] * (free_rows + 1))
    random_left = tf.floor(numbers[:, _LEFT] * (free_columns + 1))
    top = tf.where(fits, random_top, tf.floor(free_rows / 2))
    left = tf.where(fits, random_left, tf.floor(free_columns / 2))
    return top, left, box_height, box_width, numbers[:, _FLIP] < view["flip"]


def sides(images):
    """Returns height, width and channels of a batch: ints where they are known."""
    shape = tf.shape(images)
    return tuple(
        shape[axis] if images.shape[axis] is None else images.shape[axis]
        for axis in (1, 2, 3)
    )


def window_around(boxes):
    """Returns the smallest window that holds all boxes of one image.

    Args:
        boxes: list of boxes as from `draw_boxes`, of a batch of one.

    Returns:
        int32 tensor `[top, left, height, width]`.
    """
    corners = tf.stack([tf.concat(box[:2], 0) for box in boxes])
    sizes = tf.stack([tf.concat(box[2:4], 0) for box in boxes])
    start = tf.reduce_min(corners, axis=0)
    end = tf.reduce_max(corners + sizes, axis=0)
    return tf.cast(tf.concat([start, end - start], 0), tf.int32)


def within(window, boxes):
    """Returns the boxes with their corners counted from the window's."""
    top, left = tf.unstack(tf.cast(window[:2], tf.float32))
    return [(box[0] - top, box[1] - left, *box[2:]) for box in boxes]


def _draw_sizes(numbers, view, height, width):
    """Returns height and width of the boxes, and which of them came from a try."""
    low, high = view["crop_scale"]
    area = height * width * (low + (high - low) * numbers[:, _AREA:_ASPECT])
    low, high = map(math.log, view["crop_ratio"])
    aspect = tf.exp(low + (high - low) * numbers[:, _ASPECT:_TOP])
    heights = tf.round(tf.sqrt(area / aspect))
    widths = tf.round(tf.sqrt(area * aspect))
    fit = (heights >= 1) & (widths >= 1) & (heights <= height) & (widths <= width)
    # One-hot of the first try that fits; a row of zeros where none does.
    first = tf.cast(fit, tf.float32) * tf.cast(
        tf.cumsum(tf.cast(fit, tf.int32), axis=1) == 1, tf.float32
    )
    fits = tf.reduce_any(fit, axis=1)
    fallback_height, fallback_width = _fallback_size(view, height, width)
    box_height = tf.where(fits, tf.reduce_sum(first * heights, 1), fallback_height)
    box_width = tf.where(fits, tf.reduce_sum(first * widths, 1), fallback_width)
    return box_height, box_width, fits


def _fallback_size(view, height, width):
    """The largest box with an allowed aspect; never empty, however thin the image."""
    low, high = view["crop_ratio"]
    fallback_height = tf.minimum(height, tf.round(width / low))
    fallback_width = tf.minimum(width, tf.round(height * high))
    return tf.maximum(fallback_height, 1.0), tf.maximum(fallback_width, 1.0)
