"""Encoders from elsewhere see the pixels that their own preprocessing makes."""

import keras
import numpy as np
import pytest
from keras import applications

from keras_twins import models
from keras_twins.augment import TwoViews
from keras_twins.models import adapted

FAMILIES = sorted(
    name
    for name in dir(applications)
    if hasattr(getattr(applications, name), "preprocess_input")
)
MEAN, STD = (0.48, 0.45, 0.4), (0.23, 0.22, 0.21)


def pixels_of(count=2, side=6):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def flat(side=6):
    """A model that gives the pixels that it gets."""
    inputs = keras.Input((side, side, 3))
    return keras.Model(inputs, keras.layers.Flatten()(inputs))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gets_what_its_preprocess_input_gives(family):
    preprocess = getattr(applications, family).preprocess_input
    pixels = pixels_of()
    expected = preprocess(pixels.astype("float32")).reshape(2, -1)
    encoder = adapted.on_normalised(flat(), MEAN, STD, adapted.scaling_of(preprocess))
    # As evaluation and the export see images, and as a training does.
    evaluated = models.with_normalisation(encoder, MEAN, STD)(pixels)
    spec = TwoViews("imagenet").spec | {"image_size": 6, "mean": MEAN, "std": STD}
    trained = encoder(TwoViews(spec).prepare(pixels))
    for found in (evaluated, trained):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


def test_there_are_families_of_every_kind():
    found = {
        adapted.scaling_of(getattr(applications, f).preprocess_input).reverse
        for f in FAMILIES
    }
    assert found == {True, False} and len(FAMILIES) >= 15


def test_a_preprocessing_that_is_not_a_scaling_is_refused():
    with pytest.raises(ValueError, match="Expected a function that scales"):
        adapted.scaling_of(lambda x: x * x)


def test_maps_and_tokens_are_averaged():
    inputs = keras.Input((6, 6, 3))
    maps = keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs))
    tokens = keras.Model(inputs, keras.layers.Reshape((36, 3))(inputs))
    pixels = pixels_of().astype("float32")
    for body in (maps, tokens):
        found = adapted.on_normalised(body, MEAN, STD)(pixels)
        np.testing.assert_allclose(found, pixels.mean((1, 2)), rtol=1e-5)
    with pytest.raises(ValueError, match="gives no embedding"):
        adapted.on_normalised(keras.Model(inputs, [inputs, inputs]), MEAN, STD)


def test_an_adapted_encoder_is_saved_and_loaded(tmp_path):
    scaling = adapted.scaling_of(applications.vgg16.preprocess_input)
    encoder = adapted.on_normalised(flat(), MEAN, STD, scaling)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(x), encoder(x))


def test_a_model_that_begins_by_scaling_takes_pixels():
    encoder = models.residual_encoder((8, 8, 3), "small", (4,), (1,))
    assert not adapted.takes_pixels(encoder)
    of_pixels = models.with_normalisation(encoder, MEAN, STD)
    assert adapted.takes_pixels(of_pixels)
    assert adapted.takes_pixels(keras.Sequential([keras.Input((8, 8, 3)), of_pixels]))


@pytest.mark.parametrize("frozen", [3, ("stem", "stage1_block1_1")])
def test_frozen_layers_stay_and_their_batch_norm_is_at_rest(frozen):
    encoder = models.residual_encoder((8, 8, 3), "small", (4, 8), (1, 1))
    whole = adapted.on_normalised(encoder, MEAN, STD)
    adapted.freeze(whole, frozen)
    layers = adapted.weighted_layers(whole)
    resting = [layer.name for layer in layers if not layer.trainable]
    expected = [
        "stem_conv",
        "stem_norm",
        "stage1_block1_1_conv",
        "stage1_block1_1_norm",
    ]
    assert resting == expected[: 3 if frozen == 3 else 4]
    x = np.random.default_rng(1).normal(size=(4, 8, 8, 3)).astype("float32")
    before = {v.path: v.numpy().copy() for v in whole.weights}
    whole(x, training=True)
    moved = {v.path for v in whole.weights if (v.numpy() != before[v.path]).any()}
    assert not any("stem_norm" in path for path in moved) and moved


@pytest.mark.parametrize(
    ("frozen", "message"), [(99, "at most 6"), (("stam",), "first are stem_conv")]
)
def test_layers_that_are_not_there_cannot_be_frozen(frozen, message):
    encoder = models.residual_encoder((8, 8, 3), "small", (4,), (1,))
    with pytest.raises(ValueError, match=message):
        adapted.freeze(encoder, frozen)
