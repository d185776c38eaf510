"""Laws of the losses and statistics, and what they refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from method_formulas import METHODS

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


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.5])
def test_cross_correlation_is_entry_by_entry(pair, eps):
    found = losses.cross_correlation(*pair, eps=eps)
    np.testing.assert_allclose(found, naive_correlation(*pair, eps), atol=1e-5)


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


ALL = {
    "barlow_twins_gram": losses.BarlowTwinsLoss(form="gram"),
    "barlow_twins_correlation": losses.BarlowTwinsLoss(form="correlation"),
    **{name: loss for name, (loss, _) in METHODS.items()},
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_mathematics_is_in_float32(pair, dtype, name):
    narrow = [tf.cast(z, dtype) for z in pair]
    wide = [tf.cast(z, "float32") for z in narrow]
    loss = ALL[name]
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


@pytest.mark.parametrize(
    "loss",
    [
        losses.HSICLoss(),
        losses.VICRegLoss(),
        losses.FroSSLLoss(),
        losses.SIGRegLoss(slices=16),
        losses.SSLHSICLoss(),
        losses.SSLHSICLoss(kernel="random_features", features=16),
        losses.NTXentLoss(),
        losses.NegativeCosineLoss(),
    ],
    ids=lambda loss: loss.name,
)
def test_no_matrix_of_the_width_is_held(loss):
    spec = tf.TensorSpec((8, 500))

    @tf.function(input_signature=[spec, spec])
    def step(z_a, z_b):
        return tf.gradients(loss(z_a, z_b), [z_a, z_b])

    sizes = [
        output.shape.num_elements() or 0
        for op in step.get_concrete_function().graph.get_operations()
        for output in op.outputs
    ]
    # Both views, or the 16 slices or features of each dimension.
    assert max(sizes) <= 2 * 8 * 500


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
    others = (losses.VICRegLoss(), losses.NTXentLoss(), losses.SSLHSICLoss())
    for function in (*(cls() for cls in LOSSES), *others, losses.cross_correlation):
        with pytest.raises(ValueError, match=message):
            function(*pair)


@pytest.mark.parametrize(
    "shapes", [[(4, 3)], [(4, 3), (4, 3), (4, 2)], [(4,), (4,)], [(4, 3), (4, 3, 1)]]
)
@pytest.mark.parametrize(
    "loss_class", [losses.FroSSLLoss, losses.SIGRegLoss, losses.SSLHSICLoss]
)
def test_wrong_views_are_refused(loss_class, shapes):
    views = [np.zeros(shape, "float32") for shape in shapes]
    with pytest.raises(ValueError, match="views must be.*Expected two.*Received"):
        loss_class().view_terms(views)


@pytest.mark.parametrize(
    ("loss_class", "argument"),
    [
        (losses.BarlowTwinsLoss, {"form": "gran"}),
        (losses.BarlowTwinsLoss, {"ddof": 2}),
        (losses.BarlowTwinsLoss, {"eps": -1}),
        (losses.BarlowTwinsLoss, {"redundancy_weight": -1}),
        (losses.VICRegLoss, {"invariance_weight": -1}),
        (losses.VICRegLoss, {"variance_weight": float("nan")}),
        (losses.VICRegLoss, {"covariance_weight": -0.1}),
        (losses.VICRegLoss, {"eps": 0}),
        (losses.VICRegLoss, {"form": "covariance"}),
        (losses.FroSSLLoss, {"invariance_weight": -1}),
        (losses.FroSSLLoss, {"form": None}),
        (losses.SIGRegLoss, {"regularisation_weight": 1.5}),
        (losses.SIGRegLoss, {"regularisation_weight": -0.1}),
        (losses.SIGRegLoss, {"slices": 0}),
        (losses.SSLHSICLoss, {"regularisation_weight": -1}),
        (losses.SSLHSICLoss, {"kernel": "gaussian"}),
        (losses.SSLHSICLoss, {"kernel_scale": 0}),
        (losses.SSLHSICLoss, {"features": 0}),
        (losses.NTXentLoss, {"temperature": 0}),
        (losses.NTXentLoss, {"temperature": -0.1}),
    ],
)
def test_wrong_arguments_are_refused(loss_class, argument):
    name = next(iter(argument))
    with pytest.raises(ValueError, match=f"`{name}`.*Expected.*Received: {name}="):
        loss_class(**argument)
