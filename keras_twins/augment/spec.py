"""Checks an augmentation spec before anything is computed with it."""

from keras_twins.augment.presets import preset
from keras_twins.augment.spec_checks import (
    between,
    check_keys,
    fail,
    is_number,
    pair,
    rising,
    whole_number,
)

INTERPOLATIONS = ("bilinear", "bicubic")
_PROBABILITIES = ("flip", "jitter", "greyscale", "blur", "solarise")
_STRENGTHS = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}
_RANGES = ("crop_scale", "crop_ratio", "blur_sigma")
_VIEW_KEYS = {*_PROBABILITIES, *_STRENGTHS, *_RANGES, "interpolation"}
_SPEC_KEYS = {"image_size", "mean", "std", "view_a", "view_b"}
_FURTHER = "further_views"


def resolve(preset_or_spec):
    """Returns the checked spec for a preset's name or a user's own dictionary.

    Args:
        preset_or_spec: str or mapping (a `dict` or an `ml_collections.ConfigDict`).

    Returns:
        A new nested `dict` of plain Python numbers, tuples and strings. Further views
        have all of their keys there, and no key where there are none.

    Raises:
        InputError: for an unknown preset, an unknown or missing key, or a value out
            of its range.
    """
    if isinstance(preset_or_spec, str):
        return preset(preset_or_spec)
    check_keys("the augmentation spec", preset_or_spec, _SPEC_KEYS, {_FURTHER})
    size = preset_or_spec["image_size"]
    checked = {
        "image_size": whole_number("image_size", size, "pixels"),
        "mean": _per_channel("mean", preset_or_spec["mean"]),
        "std": _per_channel("std", preset_or_spec["std"], positive=True),
        "view_a": _view("view_a", preset_or_spec["view_a"]),
        "view_b": _view("view_b", preset_or_spec["view_b"]),
    }
    if _FURTHER in preset_or_spec:
        checked |= _further(preset_or_spec[_FURTHER], checked)
    return checked


def views(spec):
    """How each view of a resolved spec is made, in the order of the views.

    Returns:
        list of dicts with the keys of a view and `image_size`.
    """
    size = {"image_size": spec["image_size"]}
    further = dict(spec.get(_FURTHER, {}))
    count = further.pop("count", 0)
    return [spec["view_a"] | size, spec["view_b"] | size] + count * [further]


def check_value_range(value_range):
    """Returns `value_range` as two floats, or raises if it is no rising pair."""
    low, high = pair("value_range", value_range)
    if not low < high:
        fail("value_range", "a pair (low, high) with low < high", value_range)
    return low, high


def _further(further, spec):
    """The checked further views, complete; none where their count is 0."""
    check_keys(_FURTHER, further, {"count"}, {"image_size", *_VIEW_KEYS})
    count = whole_number(f"{_FURTHER}.count", further["count"], "views", least=0)
    if not count:
        return {}
    given = {key: further[key] for key in further.keys() if key != "count"}
    size = given.pop("image_size", spec["image_size"])
    size = whole_number(f"{_FURTHER}.image_size", size, "pixels")
    view = _view(_FURTHER, spec["view_a"] | given)
    return {_FURTHER: {"count": count, "image_size": size, **view}}


def _view(name, view):
    check_keys(name, view, _VIEW_KEYS)
    checked = {}
    for key in _RANGES:
        checked[key] = rising(f"{name}.{key}", view[key])
    if checked["crop_scale"][1] > 1:
        fail(f"{name}.crop_scale", "shares of at most 1", view["crop_scale"])
    for key in _PROBABILITIES:
        checked[key] = between(f"{name}.{key}", view[key], 1.0, "a probability")
    for key, limit in _STRENGTHS.items():
        checked[key] = between(f"{name}.{key}", view[key], limit, "a strength")
    checked["interpolation"] = view["interpolation"]
    if checked["interpolation"] not in INTERPOLATIONS:
        fail(f"{name}.interpolation", f"one of {INTERPOLATIONS}", view["interpolation"])
    return checked


def _per_channel(name, values, positive=False):
    expected = "three positive numbers" if positive else "three numbers"
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        fail(name, expected, values)
    numbers = tuple(values)
    if len(numbers) != 3 or not all(map(is_number, numbers)):
        fail(name, expected, values)
    if positive and min(numbers) <= 0:
        fail(name, expected, values)
    return tuple(map(float, numbers))
