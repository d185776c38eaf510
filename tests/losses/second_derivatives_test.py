"""Second derivatives of the losses, on whichever backend Keras runs.

Held against differences of gradients that NumPy computes in double precision.
"""

import keras
import numpy as np
import pytest
from derivatives import (
    gradient_of_formula,
    hessian_times,
    relative,
    value_and_gradients,
)
from method_formulas import METHODS

from keras_twins import losses

WEIGHT, STEP = 0.1, 1e-5


def standardised(z, eps, ddof):
    centred = z - z.mean(axis=0)
    scale = 1 / np.sqrt(np.sum(centred**2, axis=0) / (len(z) - ddof) + eps)
    return centred * scale, scale


def back_through(upstream, standard, scale, ddof):
    """Gradient by the embeddings from that by the standardised ones."""
    along = np.sum(upstream * standard, axis=0) / (len(standard) - ddof)
    gradient = scale * (upstream - standard * along)
    return gradient - gradient.mean(axis=0)


def expected_gradients(by_matrix, z_a, z_b, eps=1e-5, ddof=0):
    """Gradients of a function of C, from its gradient by C, in double precision."""
    (a, scale_a), (b, scale_b) = (standardised(z, eps, ddof) for z in (z_a, z_b))
    g = by_matrix(a.T @ b / len(a)) / len(a)
    return np.stack(
        [back_through(b @ g.T, a, scale_a, ddof), back_through(a @ g, b, scale_b, ddof)]
    )


def loss_by_matrix(target):
    def by_matrix(c):
        diagonal = np.eye(len(c))
        return 2 * (diagonal * (c - 1) + WEIGHT * (1 - diagonal) * (c - target))

    return by_matrix


FUNCTIONS = {
    "barlow_twins": (loss_by_matrix(0), losses.BarlowTwinsLoss),
    "hsic": (loss_by_matrix(-1), losses.HSICLoss),
}
FORMS = ("gram", "correlation", "auto")


def check(function, by_matrix, shape, hessian=hessian_times, **convention):
    def expected(pair):
        return expected_gradients(by_matrix, *pair, **convention)

    check_against(function, expected, shape, hessian, STEP)


def check_against(function, expected, shape, hessian, step):
    """Holds gradients and a Hessian times a direction against `expected(pair)`."""
    rng = np.random.default_rng(1)
    pair, direction = rng.normal(size=(2, 2, *shape))
    pair[1] += pair[0]
    single = np.float32(pair), np.float32(direction)
    pair, direction = (np.float64(x) for x in single)

    ahead, behind = (expected(pair + sign * step * direction) for sign in (1, -1))
    _, *gradients = value_and_gradients(function, *single[0])
    assert relative(np.stack(gradients), expected(pair)) < 1e-5
    second = (ahead - behind) / (2 * step)
    assert relative(hessian(function, *single), second) < 1e-5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_hessian_of_the_losses(name, form, shape):
    by_matrix, make = FUNCTIONS[name]
    check(make(WEIGHT, form=form), by_matrix, shape)


def test_hessian_with_the_unbiased_variance():
    loss = losses.BarlowTwinsLoss(WEIGHT, eps=0.0, ddof=1)
    check(loss, loss_by_matrix(0), (8, 24), eps=0.0, ddof=1)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_hessian_of_linear_hsic(shape):
    check(losses.linear_hsic, lambda c: 2 * c, shape)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(3, 7), (6, 3)])
def test_hessian_of_other_methods(name, shape):
    loss, formula = METHODS[name]

    def expected(pair):
        return gradient_of_formula(formula, pair)

    check_against(loss, expected, shape, hessian_times, step=1e-4)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs alone"
)
@pytest.mark.parametrize(
    ("form", "compiled"),
    # XLA refuses the second derivative of a branch, with whatever is in it.
    [("gram", False), ("gram", True), ("correlation", True), ("auto", False)],
)
def test_hessian_in_a_graph_of_any_batch_size(form, compiled):
    loss = losses.BarlowTwinsLoss(WEIGHT, form=form)
    hessian = traced_hessian(loss, 24, compiled)
    check(loss, loss_by_matrix(0), (8, 24), hessian=hessian)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs alone"
)
@pytest.mark.parametrize("name", ["vicreg_gram", "ssl_hsic_exact"])
def test_hessian_of_other_methods_compiled(name):
    loss, formula = METHODS[name]

    def expected(pair):
        return gradient_of_formula(formula, pair)

    hessian = traced_hessian(loss, 9, compiled=True)
    check_against(loss, expected, (4, 9), hessian, step=1e-4)


def traced_hessian(loss, width, compiled):
    """`hessian_times` in a graph that does not know the size of its batch."""
    import tensorflow as tf

    spec = tf.TensorSpec((2, None, width))
    traced = tf.function(
        lambda pair, direction: hessian_times(loss, pair, direction),
        input_signature=[spec, spec],
        jit_compile=compiled,
    )
    return lambda _, *single: traced(*single)
