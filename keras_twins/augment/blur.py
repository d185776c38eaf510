"""Gaussian blur and solarise, each with a probability per image."""

import math

import tensorflow as tf

from keras_twins import keys
from keras_twins.augment.colour import STREAMS as _FIRST_STREAM

# Streams of random numbers; see `keys.uniform`.
_BLUR, _SIGMA, _SOLARISE = range(_FIRST_STREAM, _FIRST_STREAM + 3)
STREAMS = _FIRST_STREAM + 3


def draw_sigmas(states, view):
    """Draws each image's blur: float32 `(batch_size,)`, sigma in pixels, 0 for none."""
    numbers = keys.uniform(states, _BLUR, 2)
    low, high = view["blur_sigma"]
    sigmas = low + (high - low) * numbers[:, 1]
    return tf.where(numbers[:, 0] < view["blur"], sigmas, 0.0)


def gaussian_blur(planes, sigmas, largest_sigma):
    """Blurs each image with its own Gaussian, cut off at three of the largest sigma.

    Sums of shifted images, first along the columns, then along the rows. The border is
    mirrored, as in torchvision.

    Args:
        planes: float32 tensor of shape `(batch_size, channels, size, size)`.
        sigmas: float32 tensor of shape `(batch_size,)`, in pixels; 0 leaves an image
            as it is.
        largest_sigma: float. Upper bound of `sigmas`, which sets the kernel's size.

    Returns:
        float32 tensor of the same shape.
    """
    size = planes.shape[2]
    radius = min(math.ceil(3.0 * largest_sigma), size - 1)
    distances = tf.range(radius + 1, dtype=tf.float32)
    # A sigma of 0 would divide by it; the weights below are 1, 0, 0, … all the same.
    kernels = tf.exp(-0.5 * (distances / tf.maximum(sigmas, 1e-3)[:, None]) ** 2)
    kernels /= 2.0 * tf.reduce_sum(kernels, axis=1, keepdims=True) - 1.0
    kernels = tf.unstack(kernels[:, :, None, None, None], axis=1)

    def blurred():
        return _blur_along(3, _blur_along(2, planes, kernels), kernels)

    if planes.shape[0] == 1:
        # An image by itself, as in a map over photographs, need not pay for nothing.
        return tf.cond(sigmas[0] > 0, blurred, lambda: planes)
    return blurred()


def _blur_along(axis, planes, kernels):
    radius = len(kernels) - 1
    paddings = [[0, 0]] * 4
    paddings[axis] = [radius, radius]
    padded = tf.pad(planes, paddings, mode="REFLECT")

    def shifted(places):
        begin = [0] * 4
        begin[axis] = radius + places
        return tf.slice(padded, begin, tf.shape(planes))

    blurred = kernels[0] * planes
    for places in range(1, radius + 1):
        blurred += kernels[places] * (shifted(-places) + shifted(places))
    return blurred


def draw_solarise(states, view):
    """Draws which images are solarised: bool `(batch_size,)`."""
    return keys.uniform(states, _SOLARISE)[:, 0] < view["solarise"]


def solarise(planes, chosen):
    """Inverts the values of 128 and more, of 255, in the chosen images."""
    invert = tf.logical_and(chosen[:, None, None, None], planes >= 128.0)
    return tf.where(invert, 255.0 - planes, planes)
