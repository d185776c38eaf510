"""Images whose values are not in the range that was announced."""

import warnings

import tensorflow as tf

from keras_twins.pixels import check_pixels


def check_range(images: tf.Tensor, value_range: tuple[float, float]) -> None:
    """Refuses what is not pixels, and warns of pixels in 0..1 where white is 255.

    Only of values at hand, not inside a graph. Images that are all black, or whose
    values are whole numbers, may be right as they are.

    Args:
        images: tensor of any shape.
        value_range: pair of numbers, black and white of images of a floating type.

    Raises:
        ValueError: for values that no image has, such as those of log-mels.
    """
    at_hand = tf.executing_eagerly() and images.dtype.is_floating
    if not at_hand or 0 in images.shape:
        return
    low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
    check_pixels(low, high, value_range)
    if value_range[1] <= 1:
        return
    between = tf.logical_and(images > 0, images < 1)
    if low >= 0 and high <= 1 and bool(tf.reduce_any(between)):
        warnings.warn(
            f"The images have values between {low:.3g} and {high:.3g}, but black is "
            f"{value_range[0]:g} and white {value_range[1]:g}: pass 255 * images, or "
            "make the layer with value_range=(0, 1).",
            stacklevel=2,
        )
