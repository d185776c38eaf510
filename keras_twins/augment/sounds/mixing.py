"""Which frames of a log-mel the views are made of, and what is mixed into them."""

import tensorflow as tf

from keras_twins import keys

# Streams of random numbers; see `keys.uniform`. The first is of a generator that both
# views share.
_START = 0
_PARTNER, _PARTNER_START, _SHARE = 0, 2, 3
STREAMS = 4

# Keeps the logarithm of a mixture finite.
_EPSILON = 1.1920929e-7


def draw_starts(shared_states, frames, length):
    """Draws where the crops of both views begin: int32 `(batch_size,)`.

    Args:
        shared_states: uint64 tensor of shape `(batch_size,)`, from `keys.image_states`.
        frames: scalar int tensor, of the log-mels.
        length: int, of the crops.
    """
    return _starts(keys.uniform(shared_states, _START), frames, length)


def draw_partner_starts(states, frames, length):
    """The same of what is mixed into one view; `states` are the view's."""
    return _starts(keys.uniform(states, _PARTNER_START), frames, length)


def draw_others(states, places, count):
    """Draws another of `count` places for each: int64 `(batch_size,)`.

    Every other one has the same chance. Where there is only one, it is its own.

    Args:
        states: uint64 tensor of shape `(batch_size,)`.
        places: int64 tensor of shape `(batch_size,)`, in 0..count − 1.
        count: scalar int tensor.
    """
    count = tf.cast(count, tf.int64)
    coarse, fine = tf.unstack(
        tf.cast(keys.uniform(states, _PARTNER, 2), tf.float64), axis=1
    )
    # 24 bits are too few for large collections.
    number = coarse + 2.0**-24 * fine
    step = 1 + tf.cast(number * tf.cast(count - 1, tf.float64), tf.int64)
    return tf.math.floormod(places + step, count)


def cut(log_mels, starts, length):
    """Cuts `length` frames out of each log-mel of a batch.

    Args:
        log_mels: float32 tensor of shape `(batch_size, bands, frames, 1)`.
        starts: int32 tensor of shape `(batch_size,)`.
        length: int.

    Returns:
        float32 tensor of shape `(batch_size, bands, length, 1)`.

    Raises:
        tf.errors.InvalidArgumentError: where a graph runs on log-mels that are shorter.
    """
    if log_mels.shape[2] == length:
        return log_mels
    are_long = tf.debugging.assert_greater_equal(
        tf.shape(log_mels)[2],
        length,
        f"Too few frames in `log_mels`. Expected LogMel(min_frames={length}).",
    )
    with tf.control_dependencies([are_long]):
        places = starts[:, tf.newaxis] + tf.range(length)
    return tf.gather(log_mels, places, axis=2, batch_dims=1)


def mix(sounds, partners, states, strength):
    """Mixes a share of another sound into each, as their powers add up.

    ln((1 − λ) eˣ + λ eᶻ + ε) with λ uniform in 0..`strength`, of standardised log-mels
    x and z: the exponent is a power that standardising compressed (Anton et al.,
    section 3.2.1).

    Args:
        sounds, partners: float32 tensors of shape `(batch_size, bands, frames, 1)`.
        states: uint64 tensor of shape `(batch_size,)`.
        strength: float in 0..1.

    Returns:
        float32 tensor of the same shape.
    """
    share = strength * keys.uniform(states, _SHARE)[:, :, tf.newaxis, tf.newaxis]
    power = (1.0 - share) * tf.exp(sounds) + share * tf.exp(partners)
    return tf.math.log(power + _EPSILON)


def _starts(numbers, frames, length):
    places = tf.cast(frames - length + 1, tf.float32)
    return tf.cast(numbers[:, 0] * places, tf.int32)
