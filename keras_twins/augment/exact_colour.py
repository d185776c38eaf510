"""Colour jitter step by step, as torchvision does it, to compare with."""

import itertools

import numpy as np
import tensorflow as tf

from keras_twins.augment.colour import LUMA

_BLENDS = ("brightness", "contrast", "saturation")
_ORDERS = np.array(list(itertools.permutations(range(len(_BLENDS)))), np.int32)


def exact(planes, factors):
    """Applies brightness, contrast, saturation and hue in an order drawn per image.

    Values are cut to 0..255 after each of them, hue is turned in HSV, and greyscale
    comes last.

    Args:
        planes: float32 tensor of shape `(batch_size, 3, height, width)` in 0..255.
        factors: dict, from `colour.draw_factors`.

    Returns:
        float32 tensor of the same shape, in 0..255.
    """
    order = tf.gather(_ORDERS, tf.cast(factors["order"] * len(_ORDERS), tf.int32))
    # Hue has one of four places among the three others: every order of the four is as
    # likely as any, and the costly step is computed only once.
    before = tf.cast(factors["hue_place"] * (len(_BLENDS) + 1), tf.int32)
    strengths = tf.stack([factors[name] for name in _BLENDS], axis=1)
    chosen = tf.gather(strengths, order, batch_dims=1)
    for place in range(len(_BLENDS)):
        factor = tf.where(place < before, chosen[:, place], 1.0)
        planes = _blend(planes, order[:, place], factor)
    planes = _turn_hue(planes, factors["hue"])
    for place in range(len(_BLENDS)):
        factor = tf.where(place < before, 1.0, chosen[:, place])
        planes = _blend(planes, order[:, place], factor)
    return tf.where(_per_image(factors["greyscale"]), _grey(planes), planes)


def _blend(planes, kind, factor):
    """Moves each image from black, its mean grey or its greyscale, by `factor`."""
    kind, factor = _per_image(kind), _per_image(factor)
    grey = _grey(planes)
    mean = tf.reduce_mean(grey, axis=(1, 2, 3), keepdims=True)
    without_saturation = tf.where(kind == _BLENDS.index("contrast"), mean, 0.0)
    origin = tf.where(kind == _BLENDS.index("saturation"), grey, without_saturation)
    return tf.clip_by_value(factor * planes + (1.0 - factor) * origin, 0.0, 255.0)


def _turn_hue(planes, turns):
    hsv = tf.image.rgb_to_hsv(tf.transpose(planes, (0, 2, 3, 1)) / 255.0)
    hue, saturation, value = tf.unstack(hsv, axis=3)
    hue = tf.math.floormod(hue + turns[:, None, None], 1.0)
    rgb = tf.image.hsv_to_rgb(tf.stack([hue, saturation, value], axis=3))
    return tf.transpose(255.0 * rgb, (0, 3, 1, 2))


def _grey(planes):
    return tf.reduce_sum(planes * LUMA[:, None, None], axis=1, keepdims=True)


def _per_image(values):
    return values[:, None, None, None]
