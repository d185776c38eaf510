"""The losses of other methods are their formulas, at any size, on any backend."""

import keras
import numpy as np
import pytest
from derivatives import (
    gradient_of_formula,
    relative,
    traced_value_and_gradients,
    value_and_gradients,
)
from keras import ops
from method_formulas import METHODS, drawn, frossl, sigreg, ssl_hsic

from keras_twins import losses
from keras_twins.losses import moments


def pair_of(shape, seed=0):
    rng = np.random.default_rng(seed)
    pair = rng.normal(size=(2, *shape)) * rng.uniform(0.3, 2.0, size=shape[1])
    pair[1] += pair[0]
    return np.float32(pair)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (3, 1), (7, 5), (5, 11), (9, 9)])
def test_value_and_gradient_are_those_of_the_formula(name, shape):
    loss, formula = METHODS[name]
    pair = pair_of(shape)
    value, *gradients = value_and_gradients(loss, *pair)
    wide = np.float64(pair)
    assert value == pytest.approx(formula(*wide), rel=1e-5, abs=1e-5)
    expected = gradient_of_formula(formula, wide)
    # Of two rows or one feature a gradient may be all but zero.
    tolerance = 1e-5 * np.linalg.norm(expected) + 1e-6
    assert np.linalg.norm(np.stack(gradients) - expected) < tolerance


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(3, 130), (31, 64), (64, 31), (150, 40)])
def test_value_at_other_sizes(name, shape):
    loss, formula = METHODS[name]
    pair = pair_of(shape)
    assert float(loss(*pair)) == pytest.approx(formula(*np.float64(pair)), rel=1e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs alone"
)
@pytest.mark.parametrize("name", [name for name in METHODS if "auto" not in name])
def test_a_compiled_step_of_any_batch_size_gives_the_same(name):
    import tensorflow as tf

    loss, _ = METHODS[name]
    spec = tf.TensorSpec((None, 9))
    step = tf.function(
        lambda *pair: traced_value_and_gradients(loss, *pair),
        input_signature=[spec, spec],
        jit_compile=True,
    )
    pair = pair_of((4, 9))
    for found, expected in zip(
        step(*pair), value_and_gradients(loss, *pair), strict=True
    ):
        assert relative(found, expected) < 1e-5


@pytest.mark.parametrize("name", METHODS)
def test_duplicated_rows_and_a_constant_feature(name):
    loss, formula = METHODS[name]
    pair = pair_of((10, 7))
    pair[:, 5:] = pair[:, :5]
    pair[:, :, 2] = 0.1
    value, *gradients = value_and_gradients(loss, *pair)
    wide = np.float64(pair)
    assert value == pytest.approx(formula(*wide), rel=1e-5)
    assert relative(np.stack(gradients), gradient_of_formula(formula, wide)) < 1e-5


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("name", ["ssl_hsic_exact", "nt_xent", "dcl", "cosine"])
def test_rows_of_any_length_are_directions(name, scale):
    loss, formula = METHODS[name]
    pair = pair_of((6, 10))
    value, *gradients = value_and_gradients(loss, *(pair * np.float32(scale)))
    assert value == pytest.approx(formula(*np.float64(pair)), rel=1e-5)
    expected = gradient_of_formula(formula, np.float64(pair))
    assert relative(np.stack(gradients) * np.float64(scale), expected) < 1e-5


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1e2, 1e4])
@pytest.mark.parametrize("name", METHODS)
def test_embeddings_of_other_sizes(name, scale):
    if name == "sigreg" and scale > 1e2:
        pytest.skip("cos(t) of t in the thousands has no five digits in float32")
    loss, formula = METHODS[name]
    pair = pair_of((20, 30)) * np.float32(scale)
    expected = formula(*np.float64(pair))
    tolerance = 1e-3 if name == "sigreg" and scale > 1 else 1e-5
    assert float(loss(*pair)) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("form", ["gram", "correlation"])
@pytest.mark.parametrize("large", [0, 17, 63])
def test_covariances_keep_their_digits_beside_a_large_feature(form, large):
    """Whose square is 10¹² times what is left of the sum without it."""
    pair = pair_of((16, 64))
    pair[:, :, large] *= 1e4
    loss = losses.VICRegLoss(0.0, 0.0, 1.0, form=form)
    value, *gradients = value_and_gradients(loss, *pair)
    wide = np.float64(pair)
    covariances = [np.cov(z.T) for z in wide]
    for c in covariances:
        np.fill_diagonal(c, 0.0)
    expected = sum(np.sum(c**2) for c in covariances) / 64
    assert value == pytest.approx(expected, rel=1e-5)
    for found, z, c in zip(gradients, wide, covariances, strict=True):
        by_feature = 4 / (64 * 15) * (z - z.mean(axis=0)) @ c
        assert relative(found, by_feature) < 1e-5
        others = np.arange(64) != large
        assert relative(found[:, others], by_feature[:, others]) < 1e-5


@pytest.mark.parametrize("share", [1e-2, 1e-4])
def test_hsic_keeps_its_digits_near_a_collapse(share):
    rng = np.random.default_rng(0)
    pair = np.float32(rng.normal(size=12) + share * rng.normal(size=(2, 20, 12)))
    terms = losses.SSLHSICLoss().terms(*pair)
    expected = ssl_hsic(*np.float64(pair))
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-4)


def test_hsic_of_rows_that_are_all_the_same_is_zero():
    z = np.ones((2, 6, 4), "float32")
    for kernel in ("exact", "random_features"):
        loss = losses.SSLHSICLoss(kernel=kernel)
        _, *gradients = value_and_gradients(loss, *z)
        assert float(loss.terms(*z)["hsic_zz"]) == pytest.approx(0.0, abs=1e-9)
        assert np.isfinite(gradients).all()


VIEWS_LOSSES = {
    "frossl": (losses.FroSSLLoss(), lambda _: frossl),
    "sigreg": (
        losses.SIGRegLoss(slices=16),
        lambda loss: lambda *v: sigreg(*v, **drawn(loss, v[0].shape[1])),
    ),
    "ssl_hsic": (losses.SSLHSICLoss(), lambda _: ssl_hsic),
}


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("name", VIEWS_LOSSES)
def test_any_number_of_views(name, count, rng):
    loss, formula = VIEWS_LOSSES[name]
    views = np.float32(rng.normal(size=(count, 9, 14)) + rng.normal(size=(9, 14)))
    terms = loss.view_terms(views)
    assert list(terms) == ["loss", *loss.term_names]
    expected = formula(loss)(*np.float64(views))
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-5)
    order = rng.permutation(count)
    again = loss.view_terms(views[order])
    assert float(again["loss"]) == pytest.approx(expected, rel=1e-5)


def test_targets_have_no_gradient():
    pair = pair_of((6, 10))
    value, by_prediction, by_target = value_and_gradients(
        losses.NegativeCosineLoss(), *pair
    )
    free = losses.NegativeCosineLoss(stop_gradient=False)
    expected, same, other = value_and_gradients(free, *pair)
    assert value == expected
    np.testing.assert_array_equal(by_prediction, same)
    assert not np.any(by_target) and np.any(other)


def test_the_spread_of_targets_tells_a_collapse_from_agreement():
    spread = np.concatenate([np.eye(4), -np.eye(4)])
    for z, expected in ((spread, 1.0), (np.ones((8, 4)), 0.0)):
        terms = losses.NegativeCosineLoss().terms(z, z)
        assert float(terms["similarity"]) == pytest.approx(1.0, abs=1e-6)
        assert float(terms["spread"]) == pytest.approx(expected, abs=1e-6)


def test_random_features_approach_the_exact_kernel(rng):
    pair = pair_of((12, 6))
    exact = losses.SSLHSICLoss(kernel_scale=0.6).terms(*pair)
    loss = losses.SSLHSICLoss(kernel="random_features", kernel_scale=0.6, features=4096)
    found = loss.terms(*pair)
    # What a view has in common with itself is left in, as in the paper's code.
    expected = float(exact["hsic_zy"]) + 1.0
    assert float(found["hsic_zy"]) == pytest.approx(expected, abs=0.02)
    assert float(found["hsic_zz"]) == pytest.approx(float(exact["hsic_zz"]), rel=0.1)


def test_draws_are_those_of_seed_and_step():
    def directions(seed, step):
        with losses.at_step(step):
            return ops.convert_to_numpy(
                losses.SIGRegLoss(slices=8, seed=seed).directions(5)
            )

    first = directions(0, 0)
    np.testing.assert_array_equal(first, directions(0, 0))
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), 1.0, rtol=1e-6)
    for seed, step in ((0, 1), (1, 0), (0, 2**20), (-1, 0)):
        assert np.all(directions(seed, step) != first)
    with losses.at_step(7):
        outside = ops.convert_to_numpy(losses.SIGRegLoss(slices=8).directions(5))
    np.testing.assert_array_equal(outside, directions(0, 7))
    np.testing.assert_array_equal(first, directions(0, 0))


def test_a_step_may_be_a_variable():
    loss = losses.SIGRegLoss(slices=8)
    step = keras.Variable(5, dtype="int32", trainable=False)
    with losses.at_step(step):
        found = ops.convert_to_numpy(loss.directions(5))
    with losses.at_step(5):
        expected = ops.convert_to_numpy(loss.directions(5))
    np.testing.assert_array_equal(found, expected)


def test_the_sets_of_random_features_differ():
    (first, _), (second, _) = losses.SSLHSICLoss(
        kernel="random_features"
    ).random_features(3)
    assert np.all(ops.convert_to_numpy(first) != ops.convert_to_numpy(second))
    assert np.all(ops.convert_to_numpy(first)[0] != ops.convert_to_numpy(first)[1])


@pytest.mark.parametrize("shape", [(4, 50), (50, 4), (7, 7), (3, 100), (1, 5)])
def test_the_forms_of_the_squares_agree(shape, rng):
    z = rng.normal(size=shape)
    product = z.T @ z
    whole, diagonal = np.sum(product**2), np.sum(np.diag(product) ** 2)
    for form in ("gram", "correlation", "auto"):
        found = moments.squared_norm(form, ops.convert_to_tensor(z, "float32"))
        assert float(found) == pytest.approx(whole, rel=1e-5)
        found = moments.off_diagonal_squares(form, ops.convert_to_tensor(z, "float32"))
        assert float(found) == pytest.approx(whole - diagonal, rel=1e-5)
