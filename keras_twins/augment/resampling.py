"""Cutting a box out of an image and resizing it, as Pillow's `Image.resize` does.

Pixel centres lie at half-integers, nothing is seen from outside the box, and the filter
widens with the step when it shrinks (antialiasing).

A batch is resampled by two matrix products per image, which works on any device, under
XLA and for every filter alike; a flip only reverses the rows of one of them. A single
photograph goes through TensorFlow's `ScaleAndTranslate`, which computes the same
without the products by zero that a large matrix is full of.
"""

import tensorflow as tf

from keras_twins.augment.crops import sides


def resample_batch(images, boxes, size, interpolation):
    """Cuts a box out of every image and resizes it.

    Args:
        images: tensor of shape `(batch_size, height, width, channels)`.
        boxes: what `draw_boxes` returns, all inside the images.
        size: int. Side of the square result in pixels.
        interpolation: str. `"bilinear"` or `"bicubic"`.

    Returns:
        float32 tensor of shape `(batch_size, channels, size, size)`: planar, which the
        colour and blur matrices want.
    """
    top, left, box_height, box_width, flip = boxes
    height, width, _ = sides(images)
    no_flip = tf.zeros_like(flip)
    rows = weights(top, box_height, no_flip, height, size, interpolation)
    columns = weights(left, box_width, flip, width, size, interpolation)
    return by_matrices(images, rows, columns)


def by_matrices(images, rows, columns):
    """Resamples a batch by one matrix per axis.

    Args:
        images: tensor of shape `(batch_size, height, width, channels)`.
        rows: float32 tensor of shape `(batch_size or 1, size, height)`.
        columns: float32 tensor of shape `(batch_size or 1, size, width)`.

    Returns:
        float32 tensor of shape `(batch_size, channels, size, size)`.
    """
    size = rows.shape[1]
    height, width, channels = sides(images)
    images = tf.reshape(tf.cast(images, tf.float32), (-1, height, width * channels))
    images = tf.reshape(tf.matmul(rows, images), (-1, size, width, channels))
    planes = tf.reshape(
        tf.transpose(images, (0, 3, 1, 2)), (-1, channels * size, width)
    )
    planes = tf.matmul(planes, columns, transpose_b=True)
    return tf.reshape(planes, (-1, channels, size, size))


def resample_image(image, box, size, interpolation):
    """The same for one image of any size; not for use under XLA.

    Args:
        image: tensor of shape `(height, width, channels)`.
        box: the scalars `(top, left, box_height, box_width, flip)`.
        size: int. Side of the square result in pixels.
        interpolation: str. `"bilinear"` or `"bicubic"`.

    Returns:
        float32 tensor of shape `(channels, size, size)`, planar as above.
    """
    *corner_and_size, flip = box
    top, left, height, width = (tf.cast(x, tf.int32) for x in corner_and_size)
    channels = image.shape[2]
    image = tf.slice(image, [top, left, 0], [height, width, channels])
    # Both turns are of a matrix, which TensorFlow does faster than one of three axes.
    rows = _resize_rows(tf.reshape(image, (height, -1)), size, interpolation)
    columns = tf.reshape(tf.transpose(rows), (width, channels * size))
    columns = _resize_rows(columns, size, interpolation)
    places = tf.range(size)
    columns = tf.gather(columns, tf.where(flip, size - 1 - places, places))
    return tf.reshape(tf.transpose(columns), (channels, size, size))


def _resize_rows(rows, size, interpolation):
    """Resizes the first axis of a matrix.

    As an image of one column whose channels are the matrix's columns: TensorFlow's
    kernel is vectorised over channels, of which a picture has too few to profit.
    """
    count = tf.shape(rows)[0]
    scale = size / tf.cast(count, tf.float32)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(rows, (1, count, 1, -1)),
        size=[size, 1],
        scale=tf.stack([scale, 1.0]),
        translation=[0.0, 0.0],
        kernel_type=_TENSORFLOW_KERNELS[interpolation],
        antialias=True,
    )
    return tf.reshape(resized, (size, -1))


def weights(start, length, reverse, extent, size, interpolation):
    """Returns the matrices that resample `extent` pixels to `size`.

    Args:
        start, length: float32 tensors of shape `(batch_size,)`. The pixels to see.
        reverse: bool tensor of shape `(batch_size,)`. Whether to mirror.
        extent: scalar int tensor. Pixels along this axis of the images.
        size: int. Pixels along this axis of the result.
        interpolation: str. `"bilinear"` or `"bicubic"`.

    Returns:
        float32 tensor of shape `(batch_size, size, extent)` whose rows sum to 1.
    """
    centres = tf.range(size, dtype=tf.float32) + 0.5
    centres = tf.where(reverse[:, None], size - centres, centres)
    step = length[:, None] / size
    centres = (start[:, None] + centres * step)[:, :, None]
    pixels = tf.range(tf.cast(extent, tf.float32), dtype=tf.float32) + 0.5
    first, last = start[:, None, None], (start + length)[:, None, None]
    if interpolation == "bilinear" and _is_at_most(extent, size):
        # Nothing shrinks, so the triangle is two pixels wide and ends where the centre
        # stops short of the border: the same weights in half the passes.
        centres = tf.clip_by_value(centres, first + 0.5, last - 0.5)
        return _triangle(tf.abs(pixels - centres))
    distances = tf.abs(pixels - centres) / tf.maximum(step, 1.0)[:, :, None]
    seen = tf.logical_and(pixels > first, pixels < last)
    raw = tf.where(seen, _FILTERS[interpolation](distances), 0.0)
    return raw / tf.reduce_sum(raw, axis=-1, keepdims=True)


def _is_at_most(extent, size):
    known = tf.get_static_value(extent)
    return known is not None and known <= size


def _triangle(distances):
    return tf.nn.relu(1.0 - distances)


def _cubic(distances):
    """Keys's cubic with a = -1/2, as in Pillow."""
    near = (1.5 * distances - 2.5) * distances * distances + 1.0
    far = ((-0.5 * distances + 2.5) * distances - 4.0) * distances + 2.0
    return tf.where(distances < 1.0, near, tf.where(distances < 2.0, far, 0.0))


_FILTERS = {"bilinear": _triangle, "bicubic": _cubic}
_TENSORFLOW_KERNELS = {"bilinear": "triangle", "bicubic": "keyscubic"}
