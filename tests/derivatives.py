"""First and second derivatives of a function of two matrices, with any backend."""

import keras
import numpy as np
from keras import ops

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
elif keras.backend.backend() == "jax":
    import jax
else:
    import torch


def value_and_gradients(function, z_a, z_b):
    """The value of a function and its two gradients, as a float and NumPy arrays.

    What a function does not depend on has a gradient of zeros, with every backend.
    """
    value, *gradients = traced_value_and_gradients(function, z_a, z_b)
    return float(ops.convert_to_numpy(value)), *map(ops.convert_to_numpy, gradients)


def traced_value_and_gradients(function, z_a, z_b):
    """The same as tensors, so that a step can be made of it."""
    if keras.backend.backend() == "tensorflow":
        pair = [tf.convert_to_tensor(z) for z in (z_a, z_b)]
        with tf.GradientTape() as tape:
            tape.watch(pair)
            value = function(*pair)
        gradients = tape.gradient(value, pair, unconnected_gradients="zero")
    elif keras.backend.backend() == "jax":
        value, gradients = jax.value_and_grad(function, argnums=(0, 1))(z_a, z_b)
    else:
        pair = [torch.tensor(z, requires_grad=True) for z in (z_a, z_b)]
        value = function(*pair)
        gradients = torch.autograd.grad(value, pair, materialize_grads=True)
    return value, *gradients


def gradient_of_formula(formula, pair):
    """The gradient of `formula(pair[0], pair[1])` by differences of the fourth order.

    In double precision it has some eleven digits where the formula is smooth.
    """
    step, found = 1e-3, np.empty_like(pair)
    for place in np.ndindex(pair.shape):
        at = [pair.copy() for _ in range(4)]
        for moved, steps in zip(at, (-2, -1, 1, 2), strict=True):
            moved[place] += steps * step
        a, b, c, d = (formula(moved[0], moved[1]) for moved in at)
        found[place] = (a - 8 * b + 8 * c - d) / (12 * step)
    return found


def hessian_times(function, pair, direction):
    """The Hessian of `function(pair[0], pair[1])` times a direction, `(2, N, D)`.

    With TensorFlow, of tensors, it is a tensor, so that a step can be made of it.
    """
    if keras.backend.backend() == "tensorflow":
        pair = tf.convert_to_tensor(pair)
        with tf.GradientTape() as outer:
            outer.watch(pair)
            with tf.GradientTape() as inner:
                inner.watch(pair)
                value = function(pair[0], pair[1])
            along = tf.reduce_sum(inner.gradient(value, pair) * direction)
        return outer.gradient(along, pair)
    if keras.backend.backend() == "jax":
        gradient = jax.grad(lambda pair: function(pair[0], pair[1]))
        return jax.jvp(gradient, (pair,), (direction,))[1]
    pair, direction = torch.tensor(pair, requires_grad=True), torch.tensor(direction)
    value = function(pair[0], pair[1])
    (gradient,) = torch.autograd.grad(value, pair, create_graph=True)
    return torch.autograd.grad((gradient * direction).sum(), pair)[0]


def relative(found, expected):
    """The norm of the difference over that of what is expected."""
    found = ops.convert_to_numpy(found)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)
