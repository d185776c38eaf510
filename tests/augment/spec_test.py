import re

import ml_collections
import pytest

from keras_twins import augment
from keras_twins.augment import presets, spec
from keras_twins.errors import InputError


def changed(key, value, view=None):
    custom = augment.preset("cifar10")
    (custom[view] if view else custom)[key] = value
    return custom


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
def test_every_preset_passes_its_own_checks(name):
    assert spec.resolve(augment.preset(name)) == presets.PRESETS[name]


def test_recipes_of_the_papers():
    imagenet, cifar = augment.preset("imagenet"), augment.preset("cifar10")
    assert (imagenet["view_a"]["blur"], imagenet["view_b"]["blur"]) == (1.0, 0.1)
    assert (imagenet["view_a"]["solarise"], imagenet["view_b"]["solarise"]) == (
        0.0,
        0.2,
    )
    assert imagenet["view_a"]["saturation"] == 0.2
    assert cifar["view_a"] == cifar["view_b"]
    assert cifar["view_a"]["crop_scale"] == (0.08, 1.0)


def test_a_preset_is_a_copy():
    augment.preset("cifar10")["view_a"]["flip"] = 0.0
    assert augment.preset("cifar10")["view_a"]["flip"] == 0.5


def test_a_config_and_its_lists_are_taken():
    config = ml_collections.ConfigDict(changed("mean", [0.5, 0.5, 0.5]))
    assert spec.resolve(config) == changed("mean", (0.5, 0.5, 0.5))


def test_an_unknown_preset_is_refused_with_the_list():
    with pytest.raises(InputError, match=r"'cifar'.*cifar10.*digits.*imagenet"):
        spec.resolve("cifar")


def test_unknown_and_missing_keys_are_named():
    with pytest.raises(InputError, match="view_b.*Received: flipp"):
        spec.resolve(changed("flipp", 0.5, "view_b"))
    with pytest.raises(InputError, match="spec.*Received: size"):
        spec.resolve(changed("size", 32))
    incomplete = augment.preset("cifar10")
    del incomplete["view_a"]["hue"]
    with pytest.raises(InputError, match="missing in view_a: hue"):
        spec.resolve(incomplete)


@pytest.mark.parametrize(
    ("key", "value", "view"),
    [
        ("flip", 1.5, "view_a"),
        ("greyscale", -0.1, "view_b"),
        ("jitter", "often", "view_a"),
        ("blur", True, "view_a"),
        ("hue", 0.6, "view_a"),
        ("brightness", -0.4, "view_a"),
        ("crop_scale", (1.0, 0.08), "view_a"),
        ("crop_scale", (0.0, 1.0), "view_a"),
        ("crop_scale", (0.5, 1.5), "view_a"),
        ("crop_ratio", (4 / 3, 3 / 4), "view_b"),
        ("crop_ratio", 1.0, "view_b"),
        ("blur_sigma", (2.0, 0.1), "view_a"),
        ("interpolation", "lanczos", "view_a"),
        ("image_size", 0, None),
        ("image_size", 32.5, None),
        ("mean", (0.5, 0.5), None),
        ("std", (0.2, 0.0, 0.2), None),
        ("view_a", "cifar10", None),
    ],
)
def test_a_wrong_value_is_refused_in_three_parts(key, value, view):
    with pytest.raises(InputError) as error:
        spec.resolve(changed(key, value, view))
    name = f"{view}.{key}" if view else key
    for part in (name, "Expected", f"Received: {value!r}"):
        assert re.search(re.escape(part), str(error.value))


@pytest.mark.parametrize("value_range", [(255, 0), (1, 1), (0,), 255, ("a", "b")])
def test_a_value_range_the_wrong_way_round_is_refused(value_range):
    with pytest.raises(InputError, match=r"`value_range`.*Expected.*Received"):
        spec.check_value_range(value_range)
