"""Which log-mels a layer of views takes."""

import math

import tensorflow as tf

# No waveform in −1..1 has as much as this: a full-scale sine has 11.
_LOUDEST = 40.0


def checked(log_mels, frames=1):
    """Returns a batch of log-mels in float32.

    Values are looked at where they are at hand, not inside a graph.

    Args:
        log_mels: tensor of shape `(batch_size, bands, frames, 1)`.
        frames: int. The fewest that are needed.

    Raises:
        ValueError: for integers, another shape, too few frames, or values that are
            pixels.
    """
    log_mels = tf.convert_to_tensor(log_mels)
    shape = log_mels.shape
    if not log_mels.dtype.is_floating:
        _fail("dtype", "floats, as kt.augment.LogMel gives", f"dtype={log_mels.dtype}")
    if shape.rank != 4 or shape[3] != 1:
        _fail("shape", "(batch_size, bands, frames, 1)", f"shape={shape}")
    if shape[2] is not None and shape[2] < frames:
        _fail("shape", f"at least {frames} frames", f"shape={shape}")
    log_mels = tf.cast(log_mels, tf.float32)
    if tf.executing_eagerly() and math.prod(shape):
        loudest = float(tf.reduce_max(log_mels))
        if loudest > _LOUDEST:
            _fail(
                "values",
                f"logarithms of mel power, at most {_LOUDEST:g}; views of images are "
                "made by kt.augment.TwoViews",
                f"a value of {loudest:g}",
            )
    return log_mels


def _fail(what, expected, received):
    raise ValueError(
        f"Wrong {what} of `log_mels`. Expected {expected}. Received: {received}"
    )
