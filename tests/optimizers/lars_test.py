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


def test_a_clipped_rate_is_the_ratio_up_to_the_learning_rate():
    for rate, ratio in ((0.3, 0.3), (0.7, 0.5), (0.0, 0.0)):  # The ratio is 0.1 · 5.
        kernel, bias = keras.Variable(KERNEL), keras.Variable([1.0, 2.0])
        optimizer = optimizers.LARS(*(rate, 0.0, 0.0), trust_coefficient=0.1, clip=True)
        optimizer.apply([GRADIENT, np.ones(2, "float32")], [kernel, bias])
        np.testing.assert_allclose(kernel.numpy(), KERNEL - ratio * GRADIENT, rtol=1e-6)
        np.testing.assert_allclose(bias.numpy(), [1.0 - rate, 2.0 - rate], rtol=1e-6)


def test_a_norm_of_zero_leaves_the_gradient_as_it_is():
    kernel = keras.Variable(np.zeros((2, 2), "float32"))
    optimizer = optimizers.LARS(1.0, momentum=0.0, weight_decay=0.0)
    optimizer.apply([GRADIENT], [kernel])
    np.testing.assert_allclose(kernel.numpy(), -GRADIENT)


def steps_in_float64(kernel, gradients, rate, momentum, decay, trust, nesterov):
    """The formulas of the class, for one adapted weight."""
    w, v = kernel.astype(np.float64), 0.0
    for g in gradients.astype(np.float64):
        g = g + decay * w
        g = g * trust * np.linalg.norm(w) / np.linalg.norm(g)
        v = momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    return w


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("nesterov", [False, True])
def test_five_steps_are_those_of_the_formulas(nesterov):
    kernel, gradients = normal(0, 3, 4), normal(1, 5, 3, 4)
    expected = steps_in_float64(kernel, gradients, 0.5, 0.9, 0.3, 0.1, nesterov)
    weight = keras.Variable(kernel)
    optimizer = optimizers.LARS(0.5, 0.9, 0.3, 0.1, nesterov=nesterov)
    for gradient in gradients:
        optimizer.apply([gradient], [weight])
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_exempt_move_as_under_keras_sgd(nesterov):
    ours, theirs = keras.Variable(normal(0, 6)), keras.Variable(normal(0, 6))
    lars = optimizers.LARS(0.5, exempt_rate=0.2, nesterov=nesterov)
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    for gradient in normal(1, 5, 6):
        lars.apply([gradient], [ours])
        sgd.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("by", ["var_list", "var_names"])
def test_what_is_excluded_does_not_decay_and_is_adapted(by):
    first, gradients = normal(0, 1, 3, 4), normal(1, 3, 1, 3, 4)
    kernel = keras.Variable(first, name="kernel")
    token = keras.Variable(first, name="class_token")
    optimizer = optimizers.LARS(0.5, 0.9, weight_decay=0.3, trust_coefficient=0.1)
    excluded = {"var_list": [token], "var_names": ["class_token", "position"]}
    optimizer.exclude_from_weight_decay(**{by: excluded[by]})
    for gradient in gradients:
        optimizer.apply([gradient, gradient], [kernel, token])
    for variable, decay in ((kernel, 0.3), (token, 0.0)):
        expected = steps_in_float64(first, gradients, 0.5, 0.9, decay, 0.1, False)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_without_a_gradient_what_is_excluded_stays():
    token = keras.Variable(normal(0, 1, 3, 4), name="class_token")
    optimizer = optimizers.LARS(0.5, weight_decay=0.3)
    optimizer.exclude_from_weight_decay(var_names=["token"])
    optimizer.apply([np.zeros((1, 3, 4), "float32")], [token])
    np.testing.assert_array_equal(token.numpy(), normal(0, 1, 3, 4))


def test_fit_spares_an_excluded_token():
    class Token(keras.layers.Layer):
        def build(self, shape):
            self.token = self.add_weight(
                shape=(1, 1, shape[-1]), initializer="ones", name="class_token"
            )

        def call(self, x):
            # The token does not reach the loss: only decay could move it.
            return x + 0.0 * self.token

    layer, dense = Token(), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((3, 2)), layer, dense])
    optimizer = optimizers.LARS(0.5, weight_decay=0.3, nesterov=True)
    optimizer.exclude_from_weight_decay(var_names=["class_token"])
    before = keras.ops.convert_to_numpy(dense.kernel)
    model.compile(optimizer, loss="mse")
    model.fit(normal(0, 4, 3, 2), normal(1, 4, 3, 1), epochs=2, verbose=0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.token), 1.0)
    assert np.all(keras.ops.convert_to_numpy(dense.kernel) != before)


def test_round_trip_of_the_configuration():
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 10)
    optimizer = optimizers.LARS(schedule, 0.5, weight_decay=0.1, nesterov=True)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()
    assert copy.nesterov and not optimizers.LARS().get_config()["nesterov"]
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
