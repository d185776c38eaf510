"""LARS against steps computed by hand."""

import keras
import numpy as np
import pytest

from keras_twins import optimizers

KERNEL = np.array([[3.0, 0.0], [0.0, 4.0]], "float32")
GRADIENT = np.array([[0.6, 0.0], [0.8, 0.0]], "float32")


def test_two_steps_by_hand():
    kernel, bias = keras.Variable(KERNEL), keras.Variable([1.0, 2.0])
    optimizer = optimizers.LARS(
        0.5, momentum=0.9, weight_decay=0.0, trust_coefficient=0.1, exempt_rate=0.2
    )
    gradients = [GRADIENT, np.array([1.0, -1.0], "float32")]
    optimizer.apply(gradients, [kernel, bias])
    # ‖w‖ = 5, ‖g‖ = 1: ratio 0.1 * 5; rate 0.5. Biases: rate 0.5 * 0.2, no ratio.
    first = KERNEL - 0.5 * 0.5 * GRADIENT
    np.testing.assert_allclose(kernel.numpy(), first, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [0.9, 2.1], rtol=1e-6)
    optimizer.apply(gradients, [kernel, bias])
    velocity = 0.9 * 0.5 * GRADIENT + 0.1 * np.linalg.norm(first) * GRADIENT
    np.testing.assert_allclose(kernel.numpy(), first - 0.5 * velocity, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [0.71, 2.29], rtol=1e-6)


def test_decay_is_coupled_and_spares_the_exempt():
    kernel, bias = keras.Variable(KERNEL), keras.Variable([1.0, 2.0])
    optimizer = optimizers.LARS(
        1.0, momentum=0.0, weight_decay=0.01, trust_coefficient=0.1
    )
    optimizer.apply([GRADIENT, np.zeros(2, "float32")], [kernel, bias])
    decayed = GRADIENT + 0.01 * KERNEL
    expected = KERNEL - 0.1 * 5.0 / np.linalg.norm(decayed) * decayed
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [1.0, 2.0])


def test_a_norm_of_zero_leaves_the_gradient_as_it_is():
    kernel = keras.Variable(np.zeros((2, 2), "float32"))
    optimizer = optimizers.LARS(1.0, momentum=0.0, weight_decay=0.0)
    optimizer.apply([GRADIENT], [kernel])
    np.testing.assert_allclose(kernel.numpy(), -GRADIENT)


def test_round_trip_of_the_configuration():
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 10)
    optimizer = optimizers.LARS(schedule, momentum=0.5, weight_decay=0.1)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()
    assert copy.weight_decay is None  # Keras would apply it a second time


@pytest.mark.parametrize(
    "argument",
    [
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"trust_coefficient": 0.0},
        {"exempt_rate": -0.1},
    ],
)
def test_values_out_of_range_are_refused(argument):
    name = next(iter(argument))
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        optimizers.LARS(**argument)
