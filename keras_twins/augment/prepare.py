"""What happens to an image before an encoder sees it without augmentation.

Evaluation, `Twins.embed` and the exported model share it, so that an embedding from an
endpoint is the embedding that was evaluated. As in `resampling`, images of any size go
through TensorFlow's `ScaleAndTranslate`, and batches on any device, under XLA too,
through two matrix products per image that compute the same.
"""

import tensorflow as tf

from keras_twins.augment import resampling
from keras_twins.augment.crops import sides


def resize_and_crop(image, image_size, resize=None):
    """Resizes the shorter side and cuts the square in the centre, with antialiasing.

    The result is that of `tf.image.resize(..., antialias=True)` on the whole image
    followed by a centre crop, but only pixels that reach the square are read, so that
    a very long or very tall image costs no more than a square one.

    Args:
        image: `(height, width, channels)` or `(batch, height, width, channels)`, any
            numeric dtype; height and width may be unknown in a graph and are at
            least 1.
        image_size: int. Side of the square in pixels.
        resize: int. What the shorter side becomes before the crop, at least
            `image_size`. Defaults to `image_size`.

    Returns:
        float32 tensor `([batch,] image_size, image_size, channels)` in the range of
        the input.

    Raises:
        ValueError: if `resize` is smaller than `image_size`.
    """
    resize = shorter_side(image_size, resize)
    image = tf.convert_to_tensor(image)
    batched = image.shape.rank == 4
    images = image if batched else image[tf.newaxis]
    size, scale, offset = _square(images, image_size, resize)
    start, stop = _window(size, scale, offset, image_size)
    images = images[:, start[0] : stop[0], start[1] : stop[1]]
    squares = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=[image_size, image_size],
        scale=tf.cast(scale, tf.float32),
        translation=tf.cast(scale * tf.cast(start, tf.float64) - offset, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
    squares = tf.ensure_shape(
        squares, (images.shape[0], image_size, image_size, images.shape[-1])
    )
    return squares if batched else squares[0]


def batch_planes(images, image_size, resize=None):
    """The same of a batch, on any device and under XLA.

    Args:
        images: tensor of shape `(batch, height, width, channels)`, any numeric dtype.
        image_size, resize: as of `resize_and_crop`.

    Returns:
        float32 tensor `(batch, channels, image_size, image_size)` in the range of the
        input: planar, as the views are made.
    """
    _, scale, offset = _square(images, image_size, shorter_side(image_size, resize))
    scale, offset = tf.cast(scale, tf.float32), tf.cast(offset, tf.float32)
    extents = sides(images)[:2]
    rows, columns = (
        _weights(extents[axis], scale[axis], offset[axis], image_size)
        for axis in (0, 1)
    )
    return resampling.by_matrices(images, rows[None], columns[None])


def shorter_side(image_size, resize):
    """What the shorter side becomes before the crop: for None, `image_size`.

    Raises:
        ValueError: if it is smaller than `image_size`.
    """
    resize = image_size if resize is None else resize
    if not 1 <= image_size <= resize:
        raise ValueError(
            "The resized image must hold the crop. "
            "Expected 1 <= image_size <= resize. "
            f"Received: image_size={image_size}, resize={resize}"
        )
    return resize


def _square(images, image_size, resize):
    """Per axis: pixels, scale and the crop's offset in the resized images; float64."""
    size = tf.cast(tf.shape(images)[1:3], tf.float64)
    resized = tf.round(size * resize / tf.reduce_min(size))
    return size, resized / size, tf.floor((resized - image_size) / 2)


def _window(size, scale, offset, image_size):
    """Per axis: the first pixel that reaches the square, and the one after the last."""
    # A triangle kernel reaches one pixel of the coarser grid; one more for rounding.
    reach = tf.maximum(1.0 / scale, 1.0) + 1.0
    first = tf.maximum(tf.floor(offset / scale - reach), 0.0)
    last = tf.minimum(size, tf.math.ceil((offset + image_size) / scale + reach))
    return tf.cast(first, tf.int32), tf.cast(last, tf.int32)


def _weights(extent, scale, offset, image_size):
    """The matrix that makes `image_size` pixels of the square of `extent` pixels."""
    centres = (offset + tf.range(image_size, dtype=tf.float32) + 0.5) / scale
    pixels = tf.range(tf.cast(extent, tf.float32), dtype=tf.float32) + 0.5
    distances = tf.abs(pixels - centres[:, None]) * tf.minimum(scale, 1.0)
    raw = tf.nn.relu(1.0 - distances)
    return raw / tf.reduce_sum(raw, axis=1, keepdims=True)
