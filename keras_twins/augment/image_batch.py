"""Which images a layer of views takes."""

import tensorflow as tf


def as_rgb_or_grey(images):
    """Returns a batch of images without an alpha channel.

    Args:
        images: tensor of shape `(batch_size, height, width, channels)`.

    Raises:
        ValueError: for another rank, no pixel, or other than 1, 3 or 4 channels.
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4:
        raise ValueError(
            "Wrong rank of `images`. Expected (batch_size, height, width, channels). "
            f"Received: images.shape={images.shape}"
        )
    if images.shape[3] not in (1, 3, 4):
        raise ValueError(
            "Wrong number of channels in `images`. Expected 1, 3 or 4, known when the "
            f"layer is traced. Received: images.shape={images.shape}"
        )
    if 0 in images.shape[1:3]:
        raise ValueError(
            "Nothing to see in empty `images`. Expected at least one pixel. "
            f"Received: images.shape={images.shape}"
        )
    return images[..., :3] if images.shape[3] == 4 else images
