"""Batch norm by the fused kernel is Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins.models.batch_norm import BatchNormalization


def pair(shape, **arguments):
    ours = BatchNormalization(**arguments)
    keras_own = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, synchronized=True, **arguments
    )
    for layer in (ours, keras_own):
        layer.build((None, *shape[1:]))
    for weight, value in zip(
        ours.weights, np.random.default_rng(1).uniform(0.5, 2, (4, 3)), strict=True
    ):
        weight.assign(value)
    keras_own.set_weights(ours.get_weights())
    return ours, keras_own


def outputs_and_gradients(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 3)
    return [y, *tape.gradient(loss, [x, *layer.trainable_variables]), *layer.weights]


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (7, 3)])
def test_equals_keras_own(shape, rng):
    x = tf.constant(rng.normal(2.0, 3.0, shape).astype("float32"))
    for ours, expected in zip(
        *(outputs_and_gradients(layer, x) for layer in pair(shape)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)


def test_mixed_precision_computes_in_float32(rng):
    x = tf.constant(rng.normal(500.0, 30.0, (8, 4, 4, 3)).astype("float16"))
    found, expected = (
        layer(x, training=True) for layer in pair(x.shape, dtype="mixed_float16")
    )
    assert found.dtype == tf.float16
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("training", [False, True])
def test_a_frozen_layer_and_inference_use_the_moving_statistics(training, rng):
    ours, keras_own = pair((2, 4, 4, 3))
    ours.trainable = keras_own.trainable = False
    before = ours.get_weights()
    x = rng.normal(size=(2, 4, 4, 3)).astype("float32")
    np.testing.assert_allclose(
        ours(x, training=training), keras_own(x, training=training), atol=1e-5
    )
    for weight, value in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_saved_encoder_loads_as_keras_own_layers():
    encoder = keras.Sequential([keras.Input((4, 4, 3)), BatchNormalization()])
    saved = keras.saving.serialize_keras_object(encoder)
    assert "keras_twins" not in str(saved)
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again.layers[-1]) is keras.layers.BatchNormalization
    assert again.layers[-1].momentum == 0.9 and again.layers[-1].synchronized
