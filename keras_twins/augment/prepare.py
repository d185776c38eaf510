"""What happens to a picture before an encoder sees it without augmentation.

Evaluation and the exported model share this one function, so that an embedding from
an endpoint is the embedding that was evaluated.
"""

import tensorflow as tf


def resize_and_crop(image, image_size, resize=None):
    """Resizes the shorter side and cuts the square in the centre, with antialiasing.

    The result is that of `tf.image.resize(..., antialias=True)` on the whole picture
    followed by a centre crop, but only pixels that reach the square are read, so that
    a very long or very tall picture costs no more than a square one.

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
    resize = image_size if resize is None else resize
    if not 1 <= image_size <= resize:
        raise ValueError(
            "The resized picture must hold the crop. "
            "Expected 1 <= image_size <= resize. "
            f"Received: image_size={image_size}, resize={resize}"
        )
    image = tf.convert_to_tensor(image)
    batched = image.shape.rank == 4
    images = image if batched else image[tf.newaxis]
    size = tf.shape(images)[1:3]
    scale, offset, start, stop = _window(tf.cast(size, tf.float64), image_size, resize)
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


def _window(size, image_size, resize):
    """Per axis: scale, the crop's offset in the resized picture, input pixels read."""
    resized = tf.round(size * resize / tf.reduce_min(size))
    scale = resized / size
    offset = tf.floor((resized - image_size) / 2)
    # A triangle kernel reaches one pixel of the coarser grid; one more for rounding.
    reach = tf.maximum(1.0 / scale, 1.0) + 1.0
    first = tf.maximum(tf.floor(offset / scale - reach), 0.0)
    last = tf.minimum(size, tf.math.ceil((offset + image_size) / scale + reach))
    return scale, offset, tf.cast(first, tf.int32), tf.cast(last, tf.int32)
