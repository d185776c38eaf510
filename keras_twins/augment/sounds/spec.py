"""Checks a spec for sounds before anything is computed with it."""

from keras_twins.augment import spec_checks
from keras_twins.augment.sounds.presets import preset

_RANGES = ("crop_bands", "crop_frames")
_STRENGTHS = {"mixup": 1.0, "fader": 100.0}
_KEYS = {"frames", "mean", "std", "crop_canvas", *_RANGES, *_STRENGTHS}


def resolve(preset_or_spec):
    """Returns the checked spec for a preset's name or a user's own dictionary.

    Args:
        preset_or_spec: str or mapping (a `dict` or an `ml_collections.ConfigDict`).

    Returns:
        A new `dict` of plain Python numbers and pairs.

    Raises:
        InputError: for an unknown preset, an unknown or missing key, or a value out
            of its range.
    """
    if isinstance(preset_or_spec, str):
        return preset(preset_or_spec)
    given = preset_or_spec
    spec_checks.check_keys("the spec for sounds", given, _KEYS)
    checked = {
        "frames": spec_checks.whole_number("frames", given["frames"], "frames"),
        "mean": spec_checks.finite("mean", given["mean"]),
        "std": spec_checks.finite("std", given["std"], positive=True),
    }
    for key, most in _STRENGTHS.items():
        checked[key] = spec_checks.between(key, given[key], most, "a strength")
    for key in _RANGES:
        checked[key] = spec_checks.rising(key, given[key])
    checked["crop_canvas"] = spec_checks.pair("crop_canvas", given["crop_canvas"])
    if min(checked["crop_canvas"]) < 1:
        spec_checks.fail(
            "crop_canvas", "two numbers of at least 1", given["crop_canvas"]
        )
    return checked
