"""A model with our losses, encoder and optimizer in Keras's own `fit`, any backend."""

import keras
import numpy as np
import pytest
from keras import ops
from twins_contract import check_twins

from keras_twins import losses, models, optimizers


def make_pairs():
    rng = np.random.default_rng(0)
    view = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    return view, view + 0.2 * rng.normal(size=view.shape).astype("float32")


class PlainTwins(keras.Model):
    """The least that Keras's own training step needs: `call` and `compute_loss`."""

    def __init__(self, encoder, projector):
        super().__init__()
        self.encoder, self.projector = encoder, projector

    def call(self, pair, training=None):
        return tuple(
            self.projector(self.encoder(view, training=training)) for view in pair
        )

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return self.loss(*y_pred)


@pytest.mark.parametrize("form", ["gram", "correlation"])
@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
def test_the_loss_falls_in_keras_own_fit(loss_class, form):
    keras.utils.set_random_seed(0)
    encoder = models.residual_encoder((8, 8, 3), "small", (8,), (1,))
    projector = models.projector(8, (16, 16))
    make = PlainTwins if keras.backend.backend() == "tensorflow" else models.Twins
    model = make(encoder, projector)
    model.compile(optimizers.LARS(2.0), loss=loss_class(0.01, form=form))
    # Keras takes a tuple for inputs and targets; a list is one input of two views.
    history = model.fit(list(make_pairs()), batch_size=32, epochs=8, verbose=0).history
    if loss_class is losses.HSICLoss:  # what is left when all Cᵢⱼ are 0 stays
        history["loss"] = [value - 0.01 * 16 * 15 for value in history["loss"]]
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def make_model(loss=None, regularizer=None):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3, strides=2, kernel_regularizer=regularizer),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = models.Twins(encoder, models.projector(8, (16, 16)))
    loss = loss or losses.BarlowTwinsLoss(0.01)
    model.compile(keras.optimizers.SGD(0.01), loss=loss, jit_compile=False)
    return model


def dataset(data):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(data).batch(64)


LABELS = np.arange(64)
FORMS = {
    "arrays": lambda pair: (pair, {"batch_size": 64}),
    "list": lambda pair: (list(pair), {"batch_size": 64}),
    "dataset": lambda pair: (dataset(pair), {}),
    "dataset with labels": lambda pair: (dataset((pair, LABELS)), {}),
    "generator": lambda pair: ((batch for batch in [pair]), {"steps_per_epoch": 1}),
    "generator of lists": lambda pair: (
        (batch for batch in [[list(pair), LABELS]]),
        {"steps_per_epoch": 1},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_fit_logs_the_terms_of_pairs_in_every_form(form):
    pair = make_pairs()
    model = make_model()
    z_a, z_b = (np.asarray(ops.convert_to_numpy(z)) for z in model(pair, training=True))
    a, b = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (z_a, z_b))
    c = a.T @ b / len(a)
    off = c[~np.eye(len(c), dtype=bool)]
    data, arguments = FORMS[form](pair)
    logs = make_model().fit(data, verbose=0, **arguments).history
    assert set(logs) == {
        *("loss", "on_diagonal", "off_diagonal"),
        *("embedding_std", "participation_ratio"),
    }
    loss = np.sum((np.diag(c) - 1) ** 2) + 0.01 * np.sum(off**2)
    assert logs["loss"] == [pytest.approx(loss, rel=1e-3)]
    assert logs["on_diagonal"] == [pytest.approx(np.mean(np.diag(c)), rel=1e-3)]
    assert logs["off_diagonal"] == [pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)]
    assert 1.0 <= logs["participation_ratio"][0] <= 8.0


def test_a_step_is_that_of_the_gradient():
    """Of SGD, measured by a difference of losses along the step."""
    pair = make_pairs()
    model = make_model()
    before = [ops.convert_to_numpy(w) for w in model.trainable_variables]
    model.train_on_batch(pair)
    after = [ops.convert_to_numpy(w) for w in model.trainable_variables]
    slope = sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True)) / 0.01

    def loss_at(way):
        for w, b, a in zip(model.trainable_variables, before, after, strict=True):
            w.assign(b + way * (a - b))
        return float(ops.convert_to_numpy(model.loss(*model(pair, training=True))))

    assert loss_at(-0.02) - loss_at(0.02) == pytest.approx(0.04 * slope, rel=0.05)


def test_a_loss_of_keras_and_a_regulariser():
    pair = make_pairs()
    loss = keras.losses.CosineSimilarity()
    model = make_model(loss, keras.regularizers.L2(10.0))
    z = model(pair, training=False)
    kernel = ops.convert_to_numpy(model.encoder.layers[0].kernel)
    expected = float(ops.convert_to_numpy(loss(*z))) + 10.0 * np.sum(kernel**2)
    logs = model.test_on_batch(pair, return_dict=True)
    assert set(logs) == {"loss", "embedding_std", "participation_ratio"}
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_contract_of_twins(tmp_path):
    check_twins(make_model, (make_pairs(), LABELS), tmp_path)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="it makes views")
def test_views_inside_the_model_need_tensorflow():
    model = make_model()
    with pytest.raises(ValueError, match="needs the TensorFlow backend.*made outside"):
        models.Twins(model.encoder, model.projector, views=keras.layers.Identity())


def test_embeddings_are_the_encoders():
    encoder = models.residual_encoder((8, 8, 3), "small", (8,), (1,))
    model = models.Twins(encoder, models.projector(8, (16,)))
    images = make_pairs()[0]
    expected = ops.convert_to_numpy(encoder(images, training=False))
    np.testing.assert_allclose(model.embed(images), expected, rtol=1e-4, atol=1e-5)
