"""Products of matrices without shortcuts in the last digits."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def exact_products():
    """Switches TensorFloat-32 off for a while: it keeps three decimal digits.

    GPUs multiply float32 matrices that way unless told otherwise, which is enough to
    train, but not to say which of two similar neighbours is the nearer one.
    """
    setting = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(setting)
