"""More than two views of an image: what trains on them, and what refuses them."""

import keras
import numpy as np
import pytest
from keras import ops
from twins_contract import check_twins

from keras_twins import losses, models

ROWS = 12
RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(ROWS, 8, 8, 3))


def noisy(size):
    images = BASE[:, :size, :size]
    return (images + 0.3 * RNG.normal(size=images.shape)).astype("float32")


SAME = tuple(noisy(8) for _ in range(4))
MIXED = (noisy(8), noisy(8), noisy(4), noisy(4))
LOSSES = {
    "frossl": lambda: losses.FroSSLLoss(1.4),
    "sigreg": lambda: losses.SIGRegLoss(0.1, slices=64),
    "ssl_hsic": losses.SSLHSICLoss,
}


def make_model(loss=None, sides=(None, None, 3), compiled=True, **kwargs):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input(sides),
            keras.layers.Conv2D(12, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    make = kwargs.pop("make", models.Twins)
    model = make(encoder, models.projector(12, (16, 16)), **kwargs)
    if compiled:
        model.compile("sgd", loss=loss or losses.FroSSLLoss(), jit_compile=False)
    return model


def by_hand(model, views, training):
    z = [
        model.projector(model.encoder(view, training=training), training=training)
        for view in views
    ]
    with losses.at_step(0 if training else -1):
        terms = model.loss.view_terms(z)
    return {name: float(ops.convert_to_numpy(term)) for name, term in terms.items()}


@pytest.mark.parametrize("views", [SAME, MIXED], ids=["one size", "two sizes"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_step_has_the_terms_of_all_views(name, views):
    expected = by_hand(make_model(LOSSES[name]()), views, training=True)
    model = make_model(LOSSES[name]())
    tested = by_hand(model, views, training=False)
    for found, terms in (
        (model.test_on_batch((views,), return_dict=True), tested),
        (model.train_on_batch((views,), return_dict=True), expected),
    ):
        for key, value in terms.items():
            assert found[key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    two = by_hand(make_model(LOSSES[name]()), views[:2], training=True)
    assert two["loss"] != pytest.approx(expected["loss"], rel=1e-3)


def test_the_contract(tmp_path):
    check_twins(make_model, (MIXED,), tmp_path)


def test_a_loss_of_any_number_of_views_takes_two():
    logs = make_model().train_on_batch((SAME[:2],), return_dict=True)
    expected = by_hand(make_model(), SAME[:2], training=True)
    assert logs["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_labels_come_beside_any_number_of_views():
    found = []

    class Watching(models.Twins):
        def batch_terms(self, pair, training):
            found.append(pair)
            return super().batch_terms(pair, training)

    model = make_model(make=Watching)
    labels = np.arange(ROWS)
    model.train_on_batch(MIXED, labels)
    pair = found[0]
    assert [view.shape[1] for view in pair.views] == [8, 8, 4, 4]
    assert pair.views == (pair.view_a, pair.view_b, *pair.further)
    assert pair.labels is not None


@pytest.mark.parametrize("labelled", [False, True])
def test_generators_give_any_number_of_views(labelled):
    batch = (MIXED, np.arange(ROWS)) if labelled else MIXED
    model = make_model()
    history = model.fit((b for b in [batch]), steps_per_epoch=1, verbose=0).history
    expected = make_model().train_on_batch((MIXED,), return_dict=True)
    assert history["loss"] == [pytest.approx(expected["loss"], rel=1e-4)]


def test_a_call_gives_the_projections_of_every_view():
    model = make_model()
    found = model(MIXED)
    assert [tuple(z.shape) for z in found] == [(ROWS, 16)] * 4
    for z, view in zip(found, MIXED, strict=True):
        expected = ops.convert_to_numpy(model.projector(model.encoder(view)))
        np.testing.assert_allclose(ops.convert_to_numpy(z), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": losses.BarlowTwinsLoss()}, "BarlowTwinsLoss compares two views"),
        ({"loss": lambda z_a, z_b: ops.mean(z_a)}, r"loss of `\(z_a, z_b\)` compares"),
        ({"momentum": 0.9}, "predictor or a teacher compares two views"),
        ({"predictor": models.projector(16, (16,))}, "predictor or a teacher compares"),
        ({"make": models.MixedTwins}, "MixedTwins compares two views"),
    ],
)
def test_what_compares_two_views_refuses_more(arguments, message):
    model = make_model(**arguments)
    before = [ops.convert_to_numpy(w) for w in model.trainable_variables]
    with pytest.raises(ValueError, match=rf"{message}.*Expected.*Received: 4 views"):
        model.train_on_batch((SAME,))
    for weight, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)


def test_an_encoder_of_one_size_refuses_views_of_another():
    assert np.isfinite(make_model(sides=(8, 8, 3)).train_on_batch((SAME,))[0])
    with pytest.raises(ValueError, match=r"do not fit.*Expected.*Received: .*4, 4, 3"):
        make_model(sides=(8, 8, 3)).train_on_batch((MIXED,))


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="views inside need TensorFlow"
)
def test_a_model_makes_any_number_of_views():
    from keras_twins import augment, keys

    spec = augment.preset("cifar10") | {"image_size": 8}
    views = augment.TwoViews(spec | {"further_views": {"count": 2, "image_size": 4}})
    pixels = RNG.integers(0, 256, (ROWS, 12, 12, 3)).astype(np.uint8)
    drawn = views(pixels, keys.row_keys(0, ROWS))
    model = make_model(views=views)
    logs = model.fit(pixels, batch_size=ROWS, shuffle=False, verbose=0).history
    expected = by_hand(make_model(views=views), drawn, training=True)
    assert logs["loss"] == [pytest.approx(expected["loss"], rel=1e-3)]
    assert model.embed(pixels).shape == (ROWS, 12)
    with pytest.raises(ValueError, match=r"do not fit.*Received: \(1, 4, 4, 3\)"):
        make_model(views=views, sides=(8, 8, 3))
