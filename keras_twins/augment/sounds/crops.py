"""Random resized crops of log-mels, and lines that fade them in or out.

A sound lies in the middle of a canvas that is larger, so that a crop may zoom out in
time, too. A crop is resized to the size of the sound (Anton et al., section 3.2.2).
"""

import tensorflow as tf

from keras_twins import keys
from keras_twins.augment.sounds.mixing import STREAMS as _FIRST_STREAM

# Streams of random numbers; see `keys.uniform`.
_HEIGHT, _WIDTH, _TOP, _LEFT, _FADE = range(_FIRST_STREAM, _FIRST_STREAM + 5)
STREAMS = _FADE + 2

# As in PyTorch's bicubic interpolation.
_CUBIC = -0.75


def draw_boxes(states, spec, bands):
    """Draws one crop per sound.

    Args:
        states: uint64 tensor of shape `(batch_size,)`, from `keys.image_states`.
        spec: dict. A resolved spec.
        bands: int, of the sounds.

    Returns:
        `(top, height, left, width)`: int32 tensors of shape `(batch_size,)`, in bands
        and frames, with the corner counted from that of the sound, so that it may be
        negative.
    """
    numbers = keys.uniform(states, _FIRST_STREAM, _FADE - _FIRST_STREAM)
    height, width, top, left = tf.unstack(numbers, axis=1)
    of_bands = spec["crop_canvas"][0], spec["crop_bands"]
    of_frames = spec["crop_canvas"][1], spec["crop_frames"]
    top, height = _side(height, top, bands, *of_bands)
    left, width = _side(width, left, spec["frames"], *of_frames)
    return top, height, left, width


def resized_crops(sounds, boxes):
    """Cuts a crop out of each sound's canvas and resizes it to the sound's size.

    Bicubic, with a = −0.75, the corners of both grids on each other and no
    antialiasing: PyTorch's `interpolate(mode="bicubic", align_corners=True)`. As two
    matrix products per sound.

    Args:
        sounds: float32 tensor of shape `(batch_size, bands, frames, 1)`, standardised:
            the canvas around them is 0.
        boxes: what `draw_boxes` returns.

    Returns:
        float32 tensor of the same shape.
    """
    top, height, left, width = boxes
    _, bands, frames, _ = sounds.shape
    rows = weights(top, height, bands)
    columns = weights(left, width, frames)
    resized = tf.matmul(rows, sounds[..., 0])
    return tf.matmul(resized, columns, transpose_b=True)[..., tf.newaxis]


def weights(start, length, extent):
    """The matrices that resize `length` places of an axis to `extent`.

    Args:
        start, length: int32 tensors of shape `(batch_size,)`. The places to see.
        extent: int. Places along this axis of the sounds, and of the result.

    Returns:
        float32 tensor of shape `(batch_size, extent, extent)`, whose rows sum to 1 but
        for what they see outside of the sound.
    """
    step = tf.cast(length - 1, tf.float32) / max(extent - 1, 1)
    places = step[:, tf.newaxis] * tf.range(extent, dtype=tf.float32)
    first = tf.floor(places)
    after = places - first
    # Where the places of a sound lie in the crop.
    inside = tf.range(extent) - start[:, tf.newaxis]
    matrices = 0.0
    for tap in (-1, 0, 1, 2):
        seen = tf.cast(first, tf.int32) + tap
        # A crop ends with what it shows at its border.
        seen = tf.clip_by_value(seen, 0, length[:, tf.newaxis] - 1)
        weight = _cubic(tf.abs(after - tap))[:, :, tf.newaxis]
        is_seen = seen[:, :, tf.newaxis] == inside[:, tf.newaxis, :]
        matrices += tf.where(is_seen, weight, 0.0)
    return matrices


def fade(sounds, states, strength):
    """Adds a straight line over time to all bands of each sound.

    From a number uniform in −`strength`..`strength` in the first frame to another one
    in the last (Anton et al., section 3.2.3).

    Args:
        sounds: float32 tensor of shape `(batch_size, bands, frames, 1)`.
        states: uint64 tensor of shape `(batch_size,)`.
        strength: float.

    Returns:
        float32 tensor of the same shape.
    """
    ends = strength * (2.0 * keys.uniform(states, _FADE, 2) - 1.0)
    way = tf.linspace(0.0, 1.0, sounds.shape[2])
    lines = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * way
    return sounds + lines[:, tf.newaxis, :, tf.newaxis]


def _side(size_number, place_number, extent, canvas, sizes):
    """Where a crop begins along an axis, and its length."""
    low, high = sizes
    whole = int(canvas * extent)
    length = tf.cast((low + (high - low) * size_number) * extent, tf.int32)
    length = tf.clip_by_value(length, 1, whole)
    # Each of the places where it fits has the same chance.
    places = tf.cast(whole - length + 1, tf.float32)
    start = tf.cast(place_number * places, tf.int32)
    return start - (whole - extent) // 2, length


def _cubic(distances):
    """Keys's cubic with a = −0.75, of distances up to 2."""
    near = ((_CUBIC + 2.0) * distances - (_CUBIC + 3.0)) * distances**2 + 1.0
    far = _CUBIC * (((distances - 5.0) * distances + 8.0) * distances - 4.0)
    return tf.where(distances < 1.0, near, far)
