import ml_collections
import pytest

from keras_twins import augment
from keras_twins.augment import sounds
from keras_twins.augment.sounds import presets, spec
from keras_twins.errors import InputError


def changed(key, value):
    return sounds.preset("audio_barlow_twins") | {key: value}


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
def test_every_preset_passes_its_own_checks(name):
    assert spec.resolve(sounds.preset(name)) == presets.PRESETS[name]
    assert spec.resolve(name) == presets.PRESETS[name]


def test_a_config_and_its_lists_are_taken():
    config = ml_collections.ConfigDict(changed("crop_frames", [0.6, 1.5]))
    assert spec.resolve(config) == sounds.preset("audio_barlow_twins")


def test_presets_of_images_and_of_sounds_are_kept_apart():
    with pytest.raises(InputError, match=r"'cifar10'.*audio_barlow_twins"):
        augment.TwoSoundViews("cifar10")
    with pytest.raises(InputError, match=r"'audio_barlow_twins'.*cifar10"):
        augment.TwoViews("audio_barlow_twins")


def test_unknown_and_missing_keys_are_named():
    with pytest.raises(InputError, match="spec for sounds.*Received: image_size"):
        spec.resolve(changed("image_size", 32))
    incomplete = sounds.preset("audio_barlow_twins")
    del incomplete["fader"]
    with pytest.raises(InputError, match="missing in the spec for sounds: fader"):
        spec.resolve(incomplete)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("frames", 0),
        ("frames", 96.0),
        ("mean", (1.0,)),
        ("mean", float("nan")),
        ("std", 0.0),
        ("std", float("inf")),
        ("mixup", 1.1),
        ("mixup", -0.1),
        ("fader", "much"),
        ("crop_canvas", (0.9, 1.5)),
        ("crop_canvas", 1.5),
        ("crop_bands", (1.5, 0.6)),
        ("crop_frames", (0.0, 1.5)),
        ("crop_frames", (0.6, float("inf"))),
    ],
)
def test_a_wrong_value_is_refused_in_three_parts(key, value):
    with pytest.raises(InputError) as error:
        spec.resolve(changed(key, value))
    for part in (f"`{key}`", "Expected", f"Received: {value!r}"):
        assert part in str(error.value)
