"""Batch norm over the global batch, by the fastest kernel that computes it."""

import keras

from keras_twins import replicas

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with the field's constants, synchronised over replicas.

    One TensorFlow replica computes batches of images with the fused kernel, which
    takes a fraction of the time of the separate sums that synchronisation needs. With
    JAX or PyTorch there is one device and nothing to synchronise.

    Args:
        momentum: float, the share of the moving statistics that a step keeps; 0.9, as
            PyTorch's `momentum=0.1`.
        epsilon: float, added to the variance.
        **kwargs: as of `keras.layers.BatchNormalization`, without `synchronized`.
    """

    # Saved as the layer of Keras that it is, so that an encoder loads without us.
    __module__ = "keras.layers"

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        kwargs["synchronized"] = keras.backend.backend() == "tensorflow"
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if training and self.trainable and self._fused_is_the_same(inputs, mask):
            return self._fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _fused_is_the_same(self, inputs, mask):
        return (
            keras.backend.backend() == "tensorflow"
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not self.renorm
            and not isinstance(inputs, keras.KerasTensor)
            and replicas.current().count == 1
        )

    def _fused(self, inputs):
        x = tf.cast(inputs, tf.float32)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        # The kernel gives the unbiased variance; Keras keeps the batch's own.
        count = tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32)
        variance = variance * (count - 1.0) / count
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return tf.cast(outputs, self.compute_dtype)
