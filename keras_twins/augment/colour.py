"""Brightness, contrast, saturation, hue and greyscale as one matrix per image."""

import math

import numpy as np
import tensorflow as tf

from keras_twins import keys
from keras_twins.augment.crops import STREAMS as _FIRST_STREAM

# Streams of random numbers; see `keys.uniform`.
_JITTER, _GREYSCALE = _FIRST_STREAM, _FIRST_STREAM + 1
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = range(_FIRST_STREAM + 2, _FIRST_STREAM + 6)
_ORDER, _HUE_PLACE = _FIRST_STREAM + 6, _FIRST_STREAM + 7
STREAMS = _FIRST_STREAM + 8

# ITU-R 601-2 luma, which Pillow's and torchvision's greyscale use.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def draw_factors(states, view):
    """Draws the colour changes of one view.

    Args:
        states: uint64 tensor of shape `(batch_size,)`, from `keys.image_states`.
        view: dict. One view of a spec.

    Returns:
        dict of tensors of shape `(batch_size,)`: `brightness`, `contrast` and
        `saturation`, factors that are 1 where nothing changes; `hue` in turns of the
        colour circle, 0 where nothing changes; `greyscale`, bool; `order` and
        `hue_place`, numbers in [0, 1) that `exact_colour.exact` turns into an order.
    """
    numbers = keys.uniform(states, _FIRST_STREAM, STREAMS - _FIRST_STREAM)

    def number(stream):
        return numbers[:, stream - _FIRST_STREAM]

    jitter = tf.cast(number(_JITTER) < view["jitter"], tf.float32)

    def shift(stream, strength):
        return jitter * strength * (2.0 * number(stream) - 1.0)

    return {
        "brightness": 1.0 + shift(_BRIGHTNESS, view["brightness"]),
        "contrast": 1.0 + shift(_CONTRAST, view["contrast"]),
        "saturation": 1.0 + shift(_SATURATION, view["saturation"]),
        "hue": shift(_HUE, view["hue"]),
        "greyscale": number(_GREYSCALE) < view["greyscale"],
        "order": number(_ORDER),
        "hue_place": number(_HUE_PLACE),
    }


def fused(planes, factors):
    """Applies brightness, contrast, saturation, hue and greyscale in one product.

    In this order, each is affine in the pixel's colour once the mean of the image is
    known (hue being a rotation in the YIQ plane), so all five are one 3x3 matrix and
    one offset per image, and values are cut to 0..255 once, at the end.

    Args:
        planes: float32 tensor of shape `(batch_size, 3, height, width)` in 0..255.
        factors: dict, from `draw_factors`.

    Returns:
        float32 tensor of the same shape, in 0..255.
    """
    shape = tf.shape(planes)
    pixels = tf.reshape(planes, (-1, 3, shape[2] * shape[3]))
    mean = tf.tensordot(tf.reduce_mean(pixels, axis=2), LUMA, 1)
    brightness, contrast = factors["brightness"], factors["contrast"]
    offset = (1.0 - contrast) * brightness * mean
    matrix = (brightness * contrast)[:, None, None] * _chroma_matrix(factors)
    changed = tf.matmul(matrix, pixels) + offset[:, None, None]
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), shape)


def _chroma_matrix(factors):
    """Saturation, hue and greyscale: rotates and scales the IQ plane, keeps Y."""
    saturation = tf.where(factors["greyscale"], 0.0, factors["saturation"])
    angle = 2.0 * math.pi * factors["hue"]
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    y, i, q = (tf.constant(row, tf.float32) for row in _TO_YIQ)
    to_y, to_i, to_q = (tf.constant(column, tf.float32) for column in _FROM_YIQ.T)

    def outer(column, row):
        return column[:, None] * row[None, :]

    kept = outer(to_y, y)
    along = outer(to_i, i) + outer(to_q, q)
    across = outer(to_q, i) - outer(to_i, q)
    return kept + cosine[:, None, None] * along + sine[:, None, None] * across
