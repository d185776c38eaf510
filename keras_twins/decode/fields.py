"""The numbers and slices of a file's bytes, inside a TensorFlow graph."""

import tensorflow as tf


def leading_bytes(contents, count):
    """The first `count` bytes, with zeros where there are fewer, as uint8."""
    return tf.io.decode_raw(contents, tf.uint8, fixed_length=count)


def between(contents, start, stop):
    """Bytes from `start` to `stop`, as many as there are.

    A `substr` past the end fails with the whole string in its message.
    """
    length = tf.cast(tf.strings.length(contents), tf.int64)
    start = tf.minimum(tf.cast(start, tf.int64), length)
    count = tf.maximum(tf.cast(stop, tf.int64) - start, 0)
    return tf.strings.substr(contents, start, count)


def number(digits, big_endian=False):
    """Unsigned numbers of two to four bytes, along the last axis, as int64."""
    powers = [256**i for i in range(digits.shape[-1])]
    powers = powers[::-1] if big_endian else powers
    return tf.reduce_sum(tf.cast(digits, tf.int64) * powers, axis=-1)


def signed(number):
    """The signed number that has the four bytes of an unsigned one."""
    return tf.where(number >= 2**31, number - 2**32, number)


def refused_unless(condition, label, reason):
    """A scope whose ops run only where the condition holds."""
    return tf.control_dependencies([tf.Assert(condition, [label + " " + reason])])


def size_checked(width, height, label, limits):
    """A scope whose ops run only where an image claims 1 to `max_pixels` pixels."""
    # The product of two 32-bit sizes may pass the largest int64; float64 holds it.
    pixels = tf.cast(width, tf.float64) * tf.cast(height, tf.float64)
    fits = (width >= 1) & (height >= 1) & (pixels <= limits.max_pixels)
    claim = tf.strings.format("claims {} x {} pixels", (width, height))
    return refused_unless(
        fits, label, claim + f"; 1 to {limits.max_pixels} are decoded (max_pixels)"
    )
