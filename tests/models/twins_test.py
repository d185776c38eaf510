"""The model: what it refuses, reports, saves, and that it trains what the loss says."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment, losses, models, optimizers

SHAPE = (8, 8, 3)


def make_encoder(width=12, regularizer=None):
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(width, 3, strides=2, kernel_regularizer=regularizer),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def make_model(**kwargs):
    keras.utils.set_random_seed(0)
    return models.Twins(make_encoder(), models.projector(12, (16, 16)), **kwargs)


@pytest.fixture
def pairs(rng):
    view = rng.normal(size=(40, *SHAPE)).astype("float32")
    other = view + 0.1 * rng.normal(size=view.shape).astype("float32")
    return tf.data.Dataset.from_tensor_slices((view, other)).batch(20)


def test_a_step_of_sgd_is_the_gradient_of_the_loss(pairs):
    model = make_model()
    loss = losses.BarlowTwinsLoss(redundancy_weight=0.01)
    model.compile(keras.optimizers.SGD(0.1), loss=loss)
    before = [w.numpy() for w in model.trainable_variables]
    batch = next(iter(pairs))
    with tf.GradientTape() as tape:
        value = loss(*model(batch, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    logs = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0, shuffle=False)
    assert logs.history["loss"] == [pytest.approx(float(value), rel=1e-5)]
    for w, old, g in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(w.numpy(), old - 0.1 * g.numpy(), atol=1e-5)


def test_fit_warns_of_nothing_for_a_dataset_in_its_own_order(pairs):
    model = make_model()
    model.compile("adam", loss=losses.HSICLoss())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(pairs, verbose=0)


def test_metrics_are_their_definitions(pairs):
    model = make_model()
    model.compile("adam", loss=losses.HSICLoss())
    logs = model.evaluate(pairs.take(1), verbose=0, return_dict=True)
    view_a, view_b = next(iter(pairs))
    c = losses.cross_correlation(*model((view_a, view_b), training=False)).numpy()
    h = model.encoder(view_a).numpy().astype("float64")
    off = c[~np.eye(len(c), dtype=bool)]
    eigenvalues = np.linalg.eigvalsh(np.cov(h, rowvar=False))
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    expected = {
        "loss": float(losses.HSICLoss()(*model((view_a, view_b), training=False))),
        "on_diagonal": np.mean(np.diag(c)),
        "off_diagonal": np.sqrt(np.mean(off**2)),
        "embedding_std": np.mean(unit.std(axis=0)) * np.sqrt(h.shape[1]),
        "participation_ratio": eigenvalues.sum() ** 2 / np.sum(eigenvalues**2),
    }
    assert logs == pytest.approx(expected, rel=1e-3)


def test_a_collapse_is_seen():
    model = make_model()
    kernel, _ = model.encoder.weights
    kernel.assign(np.repeat(kernel.numpy()[..., :1], 12, axis=-1))  # all features alike
    model.compile("adam", loss=losses.HSICLoss())
    views = np.random.default_rng(0).normal(size=(2, 30, *SHAPE)).astype("float32")
    data = tf.data.Dataset.from_tensors(tuple(views))
    logs = model.evaluate(data, verbose=0, return_dict=True)
    assert logs["participation_ratio"] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(pairs, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = make_model()
        model.compile("adam", loss=losses.BarlowTwinsLoss())
        history = model.fit(pairs, epochs=4, verbose=0, shuffle=False).history
        scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (precision == "mixed_float16")
        assert model.trainable_variables[0].dtype == "float32"
        assert history["loss"][-1] < history["loss"][0]
    finally:
        keras.config.set_dtype_policy("float32")


def test_saved_loaded_and_cloned(pairs, tmp_path, rng):
    model = make_model()
    model.compile(optimizers.LARS(0.1), loss=losses.HSICLoss(redundancy_weight=0.5))
    model.fit(pairs, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = rng.normal(size=(6, *SHAPE)).astype("float32")
    np.testing.assert_allclose(loaded.embed(images), model.embed(images), atol=1e-6)
    assert loaded.loss.get_config() == model.loss.get_config()
    again, expected = (
        m.fit(pairs, verbose=0, shuffle=False).history["loss"] for m in (loaded, model)
    )
    assert again == pytest.approx(expected, rel=1e-5)
    clone = keras.models.clone_model(model)
    assert clone.embed(images).shape == (6, 12)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]


def test_views_on_the_device(rng, tmp_path):
    spec = augment.preset("cifar10") | {"image_size": 8}
    model = make_model(views=augment.TwoViews(spec, seed=3))
    model.compile(keras.optimizers.SGD(1e-2), loss=losses.BarlowTwinsLoss())
    images = rng.integers(0, 256, (32, 12, 12, 3), dtype="uint8")
    data = tf.data.Dataset.from_tensor_slices(images).batch(16)
    first = model.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]
    again = make_model(views=augment.TwoViews(spec, seed=3))
    again.compile(keras.optimizers.SGD(1e-2), loss=losses.BarlowTwinsLoss())
    second = again.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert first == second
    embeddings = model.embed(images)
    prepared = model.views.prepare(images)
    np.testing.assert_allclose(embeddings, model.encoder(prepared), atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.embed(images), embeddings, atol=1e-6)


def test_any_keras_model_and_any_loss(pairs):
    model = make_model()
    loss = keras.losses.CosineSimilarity()
    model.compile("adam", loss=loss)
    expected = np.mean([loss(*model(pair, training=False)) for pair in pairs])
    logs = model.evaluate(pairs, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_regularisation_is_part_of_the_loss(pairs):
    encoder = make_encoder(regularizer=keras.regularizers.L2(10.0))
    model = models.Twins(encoder, models.projector(12, (16,)))
    model.compile("adam", loss=losses.BarlowTwinsLoss())
    logs = model.evaluate(pairs.take(1), verbose=0, return_dict=True)
    plain = float(model.loss(*model(next(iter(pairs)), training=False)))
    extra = 10.0 * np.sum(encoder.layers[0].kernel.numpy() ** 2)
    assert logs["loss"] == pytest.approx(plain + extra, rel=1e-4)


def test_single_images_without_views_are_refused(rng):
    model = make_model()
    model.compile("adam", loss=losses.HSICLoss())
    images = rng.normal(size=(8, *SHAPE)).astype("float32")
    with pytest.raises(
        ValueError, match=r"pairs of views.*Received: float32 \(8, 8, 8"
    ):
        model.fit(tf.data.Dataset.from_tensors(images), verbose=0, shuffle=False)
