"""Laws of the losses and statistics, and what they refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import losses
from keras_twins.losses import statistics

LOSSES = (losses.BarlowTwinsLoss, losses.HSICLoss)
FORMS = ("gram", "correlation")


@pytest.fixture
def pair(rng):
    z_a = rng.normal(size=(24, 40)).astype("float32")
    return z_a, (z_a + rng.normal(size=z_a.shape)).astype("float32")


def naive_correlation(z_a, z_b, eps=1e-5):
    """C in double precision, one entry at a time."""
    a, b = np.float64(z_a), np.float64(z_b)
    c = np.empty((a.shape[1], b.shape[1]))
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            covariance = np.mean(
                (a[:, i] - a[:, i].mean()) * (b[:, j] - b[:, j].mean())
            )
            c[i, j] = covariance / np.sqrt(
                (a[:, i].var() + eps) * (b[:, j].var() + eps)
            )
    return c


def test_cross_correlation_is_entry_by_entry(pair):
    found = losses.cross_correlation(*pair)
    np.testing.assert_allclose(found, naive_correlation(*pair), atol=1e-5)


@pytest.mark.parametrize("rows", [10, 200])
def test_linear_hsic_is_the_squared_norm(rng, rows):
    z_a, z_b = rng.normal(size=(2, rows, 30)).astype("float32")
    expected = np.sum(naive_correlation(z_a, z_b) ** 2)
    assert float(losses.linear_hsic(z_a, z_b)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("loss_class", "target"), [(LOSSES[0], 0), (LOSSES[1], -1)])
def test_value_is_the_formula(pair, loss_class, target, form):
    c = naive_correlation(*pair)
    off = c[~np.eye(len(c), dtype=bool)]
    expected = np.sum((np.diag(c) - 1) ** 2) + 0.3 * np.sum((off - target) ** 2)
    terms = loss_class(redundancy_weight=0.3, form=form).terms(*pair)
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(terms["on_diagonal"]) == pytest.approx(np.mean(np.diag(c)), rel=1e-5)
    rms = np.sqrt(np.mean(off**2))
    assert float(terms["off_diagonal"]) == pytest.approx(rms, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss_class", LOSSES)
def test_invariances(pair, loss_class, form, rng):
    z_a, z_b = pair
    loss = loss_class(form=form, eps=0.0)
    value = float(loss(z_a, z_b))
    order = rng.permutation(len(z_a))
    assert float(loss(z_b, z_a)) == pytest.approx(value, rel=1e-5)  # of the views
    assert float(loss(z_a[order], z_b[order])) == pytest.approx(value, rel=1e-5)
    assert float(loss(3 * z_a - 5, 0.1 * z_b + 2)) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_decorrelated_equal_views_have_no_loss(form):
    z = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 9)))[0]
    z = np.linalg.qr(np.c_[np.ones(64), z])[0][:, 1:].astype("float32")
    loss = losses.BarlowTwinsLoss(redundancy_weight=1.0, eps=0.0, form=form)
    assert float(loss(z, z)) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_mathematics_is_in_float32(pair, dtype, form):
    narrow = [tf.cast(z, dtype) for z in pair]
    wide = [tf.cast(z, "float32") for z in narrow]
    loss = losses.BarlowTwinsLoss(form=form)
    value = loss(*narrow)
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(float(loss(*wide)), rel=1e-6)
    assert float(loss.terms(*narrow)["loss"]) == pytest.approx(float(value), rel=1e-6)


def test_variance_survives_a_large_mean(pair):
    z_a, z_b = pair
    far = losses.cross_correlation(z_a + 1000.0, z_b - 1000.0)
    np.testing.assert_allclose(far, losses.cross_correlation(z_a, z_b), atol=2e-3)


@pytest.mark.parametrize("shape", [(4096, 64), (2048, 512), (512, 1024), (256, 2048)])
def test_nearly_converged_matrix_keeps_its_digits(shape, rng):
    """C = identity + 1e-3 noise where N allows it, else as near as its rank allows."""
    n, d = shape
    basis = np.linalg.qr(rng.normal(size=(n, min(n - 1, d))))[0]
    if d < n:
        mixing = np.eye(d) + 1e-3 * rng.normal(size=(d, d))
        z_a, z_b = basis, basis @ mixing
    else:
        z_a = basis @ rng.normal(size=(basis.shape[1], d))
        z_b = z_a + 1e-3 * rng.normal(size=z_a.shape)
    z_a, z_b = z_a.astype("float32"), z_b.astype("float32")
    a, b = (np.float64(z) - np.float64(z).mean(0) for z in (z_a, z_b))
    c = (a / a.std(0)).T @ (b / b.std(0)) / n
    off = c - np.diag(np.diag(c))
    found = losses.BarlowTwinsLoss(eps=0.0).terms(z_a, z_b)["off_diagonal"]
    expected = np.sqrt(np.sum(off**2) / (d * (d - 1)))
    # A relative error of Σᵢ≠ⱼ Cᵢⱼ² is twice that of its root.
    assert 2 * abs(float(found) / expected - 1) < 1e-3


@pytest.mark.parametrize("eps", [0.0, 1e-5])
@pytest.mark.parametrize("form", FORMS)
def test_constant_features_are_harmless(pair, form, eps):
    z_a, z_b = (tf.Variable(z) for z in pair)
    z_a[:, 3].assign(tf.fill([24], 0.1))
    z_b[:, 3].assign(tf.fill([24], -7.7))
    with tf.GradientTape() as tape:
        terms = losses.HSICLoss(form=form, eps=eps).terms(z_a, z_b)
    gradients = tape.gradient(terms["loss"], [z_a, z_b])
    assert all(np.isfinite(g).all() for g in gradients)
    correlation = losses.cross_correlation(z_a, z_b, eps=eps).numpy()
    np.testing.assert_allclose(correlation[3], 0.0, atol=1e-3)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", [(8, 64), (64, 8)])
def test_auto_in_a_graph(shape, known, rng):
    z_a, z_b = rng.normal(size=(2, *shape)).astype("float32")
    loss = losses.BarlowTwinsLoss()
    spec = tf.TensorSpec((shape[0] if known else None, shape[1]))
    traced = tf.function(loss.terms, input_signature=[spec, spec])
    found = traced(z_a, z_b)
    for name, expected in loss.terms(z_a, z_b).items():
        assert float(found[name]) == pytest.approx(float(expected), rel=1e-5)
    ops = {op.type for op in traced.get_concrete_function().graph.get_operations()}
    assert bool(ops & {"If", "StatelessIf"}) is not known


def test_gram_form_holds_no_matrix_of_the_width():
    spec = tf.TensorSpec((8, 500))
    loss = losses.HSICLoss(form="auto")

    @tf.function(input_signature=[spec, spec])
    def step(z_a, z_b):
        return tf.gradients(loss(z_a, z_b), [z_a, z_b])

    sizes = [
        output.shape.num_elements() or 0
        for op in step.get_concrete_function().graph.get_operations()
        for output in op.outputs
    ]
    assert max(sizes) <= 8 * 500


def test_choice_of_form():
    assert statistics.choose_form("auto", 256, 8192) == "gram"
    assert statistics.choose_form("auto", 256, 512) == "gram"
    assert statistics.choose_form("auto", 257, 512) == "correlation"
    assert statistics.choose_form("auto", None, 512) is None
    assert statistics.choose_form("correlation", 2, 8192) == "correlation"


@pytest.mark.parametrize("loss_class", LOSSES)
def test_round_trip_of_the_configuration(loss_class):
    loss = loss_class(redundancy_weight=0.1, eps=0.0, ddof=1, form="gram")
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(copy) is loss_class
    assert copy.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 3, 2), (4, 3, 2)), r"must be matrices.*Expected.*Received.*4, 3, 2"),
        (((4, 3), (4, 2)), r"same shape.*Received.*\(4, 3\).*\(4, 2\)"),
        (((1, 3), (1, 3)), r"at least two samples.*Received.*\(1, 3\)"),
        (((0, 3), (0, 3)), r"at least two samples.*Received.*\(0, 3\)"),
    ],
)
def test_wrong_shapes_are_refused(shapes, message):
    pair = [np.zeros(shape, "float32") for shape in shapes]
    for function in (*(cls() for cls in LOSSES), losses.cross_correlation):
        with pytest.raises(ValueError, match=message):
            function(*pair)


@pytest.mark.parametrize(
    "argument", [{"form": "gran"}, {"ddof": 2}, {"eps": -1}, {"redundancy_weight": -1}]
)
def test_wrong_arguments_are_refused(argument):
    name = next(iter(argument))
    with pytest.raises(ValueError, match=f"`{name}`.*Expected.*Received: {name}="):
        losses.BarlowTwinsLoss(**argument)
