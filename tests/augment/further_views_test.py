"""Views beside the first two: how many, how large, and what they are drawn from."""

import re

import keras
import ml_collections
import numpy as np
import pytest

from keras_twins import augment
from keras_twins.augment import spec
from keras_twins.errors import InputError

RANDOM = np.random.default_rng(5)
IMAGES = RANDOM.integers(0, 256, (5, 20, 24, 3)).astype(np.uint8)
KEYS = np.array([5, -1, 2**40, 0, 7], np.int64)
QUIET = {
    "crop_scale": (1.0, 1.0),
    "crop_ratio": (1.0, 1.0),
    "flip": 0.0,
    "jitter": 0.0,
    "greyscale": 0.0,
}


def recipe(further=None, size=16, **view):
    """Every step at work but solarise, which a last digit may turn."""
    everything = augment.preset("imagenet") | {"image_size": size}
    for name in ("view_a", "view_b"):
        everything[name] |= {"blur": 0.5, "solarise": 0.0} | view
    return everything | ({"further_views": further} if further else {})


@pytest.fixture(scope="module")
def layer():
    further = {"count": 3, "image_size": 8, "crop_scale": (0.05, 0.25)}
    return augment.TwoViews(recipe(further), seed=1)


@pytest.fixture(scope="module")
def views(layer):
    return [view.numpy() for view in layer(IMAGES, KEYS)]


def test_there_are_as_many_as_asked_for_of_their_size(views):
    assert [view.shape for view in views] == [(5, 16, 16, 3)] * 2 + [(5, 8, 8, 3)] * 3
    assert all(view.dtype == np.float32 for view in views)


def test_the_first_views_are_what_they_are_without_further_ones(views):
    two = augment.TwoViews(recipe(), seed=1)(IMAGES, KEYS)
    assert len(two) == 2
    for view, expected in zip(views, two, strict=False):
        np.testing.assert_array_equal(view, expected)
    # And further ones are what they are without those that follow.
    further = {"count": 2, "image_size": 8, "crop_scale": (0.05, 0.25)}
    four = augment.TwoViews(recipe(further), seed=1)(IMAGES, KEYS)
    for view, expected in zip(views, four, strict=False):
        np.testing.assert_array_equal(view, expected)


def test_further_views_are_a_function_of_seed_and_key_alone(layer, views):
    order = np.array([4, 0, 2])
    for view, expected in zip(layer(IMAGES[order], KEYS[order]), views, strict=True):
        np.testing.assert_allclose(view, expected[order], atol=1e-4)
    other = augment.TwoViews(layer.get_config()["preset_or_spec"], seed=2)
    for view, expected in zip(other(IMAGES, KEYS), views, strict=True):
        assert np.abs(view - expected).max() > 0.1


def test_no_two_views_are_drawn_alike(views):
    further = [view.reshape(5, -1) for view in views[2:]]
    for index, one in enumerate(further):
        for other in further[:index]:
            assert np.all(np.abs(one - other).max(axis=1) > 0.1)


def test_one_image_at_a_time_and_finished_in_a_batch_is_the_same(layer, views):
    crops = [
        layer.resample(image, key) for image, key in zip(IMAGES, KEYS, strict=True)
    ]
    sides = [np.stack(side) for side in zip(*crops, strict=True)]
    for view, expected in zip(layer.finish(*sides, KEYS), views, strict=True):
        np.testing.assert_allclose(view, expected, atol=1e-3)
    with pytest.raises(ValueError, match="zip"):
        layer.finish(*sides[:2], KEYS)


def test_every_strength_at_zero_leaves_the_image():
    square = IMAGES[:, :20, :20]
    quiet = recipe({"count": 2}, 20, **QUIET, **{"blur": 0.0})
    plain = (square / 255.0 - quiet["mean"]) / quiet["std"]
    found = augment.TwoViews(quiet)(square, KEYS)
    assert len(found) == 4
    for view in found:
        np.testing.assert_allclose(view, plain, atol=1e-3)


def test_crops_have_the_area_of_their_own_view():
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    images = np.repeat(ramp[None, ..., None], 200, axis=0)
    further = {"count": 1, "image_size": 32, "crop_scale": (0.25, 0.25)}
    local = recipe(further, 64, **QUIET, **{"blur": 0.0})
    whole, _, part = augment.TwoViews(local)(images, np.arange(200))
    scale = 255 * np.float32(local["std"])
    widths = [
        np.median(np.ptp((view * scale).numpy()[:, 0, :, 0], axis=1))
        for view in (whole, part)
    ]
    # Of 64 columns, and of 32; the outermost centres are half a column inside.
    assert widths[0] == pytest.approx(63, abs=0.5)
    assert widths[1] == pytest.approx(31, abs=0.5)
    # Each place has the same chance: the first column seen is 0 to 32, 16 on average.
    first = (part * scale).numpy()[:, 0, 0, 0] + 255 * local["mean"][0]
    assert first.min() >= -1e-2 and first.max() <= 32.5
    assert first.mean() == pytest.approx(16, abs=2.5)


def test_flips_come_at_the_rate_of_their_own_view():
    ramp = np.tile(np.arange(16, dtype=np.uint8), (16, 1))
    images = np.repeat(ramp[None, ..., None], 1000, axis=0)
    still = recipe({"count": 2, "flip": 0.2}, 16, **QUIET, **{"blur": 0.0})
    found = augment.TwoViews(still)(images, np.arange(1000))
    rates = [np.mean(view[:, 0, 0, 0] > view[:, 0, -1, 0]) for view in found]
    assert rates[:2] == [0, 0]
    assert rates[2:] == pytest.approx([0.2, 0.2], abs=0.05)


def test_without_training_each_view_is_the_image_at_its_size(layer):
    smooth = np.tile(np.linspace(0, 240, 40).astype(np.uint8)[:, None, None], (40, 3))
    resized = augment.TwoViews(layer.get_config()["preset_or_spec"], resize=24)
    found = resized(smooth[None], training=False)
    assert [view.shape[1] for view in found] == [16, 16, 8, 8, 8]
    np.testing.assert_array_equal(found[0], resized.prepare(smooth[None]))
    # Two pixels of the larger size are one of the smaller.
    halved = found[0].numpy().reshape(1, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(found[2], halved, atol=0.05)
    np.testing.assert_array_equal(found[2], found[4])


def test_survives_saving(layer, views, tmp_path):
    images = keras.Input((20, 24, 3), dtype="uint8")
    keys = keras.Input((), dtype="int64")
    model = keras.Model([images, keys], layer(images, keys))
    model.save(tmp_path / "views.keras")
    loaded = keras.models.load_model(tmp_path / "views.keras")
    for view, expected in zip(loaded([IMAGES, KEYS]), views, strict=True):
        np.testing.assert_allclose(view, expected, atol=1e-4)
    copy = augment.TwoViews.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_what_is_left_out_is_that_of_view_a():
    settings = augment.preset("imagenet")
    settings["further_views"] = {"count": 2, "flip": 0.1}
    found = spec.resolve(settings)["further_views"]
    assert found == {
        **settings["view_a"],
        "count": 2,
        "image_size": settings["image_size"],
        "flip": 0.1,
    }
    config = ml_collections.ConfigDict(settings)
    assert spec.resolve(config)["further_views"] == found
    assert spec.resolve(spec.resolve(settings)) == spec.resolve(settings)


def test_a_count_of_zero_is_no_further_view():
    settings = augment.preset("digits")
    assert spec.resolve(settings | {"further_views": {"count": 0}}) == settings


@pytest.mark.parametrize(
    ("further", "name", "received"),
    [
        ({"count": -1}, "further_views.count", "-1"),
        ({"count": 1.5}, "further_views.count", "1.5"),
        ({"count": True}, "further_views.count", "True"),
        ({"count": 2, "image_size": 0}, "further_views.image_size", "0"),
        ({"count": 2, "crop_scale": (0.5, 1.5)}, "further_views.crop_scale", "(0.5"),
        ({"count": 2, "flip": None}, "further_views.flip", "None"),
        ({"count": 2, "size": 8}, "Unknown key in further_views", "size"),
        ({"image_size": 8}, "missing in further_views: count", "['image_size']"),
        (4, "further_views", "4"),
    ],
)
def test_a_wrong_value_is_refused_in_three_parts(further, name, received):
    with pytest.raises(InputError) as error:
        spec.resolve(augment.preset("digits") | {"further_views": further})
    for part in (name, "Expected", f"Received: {received}"):
        assert re.search(re.escape(part), str(error.value))
