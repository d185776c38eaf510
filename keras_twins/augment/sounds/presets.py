"""The recipes of views of sounds.

A spec is a plain dictionary, so that a config file can hold one:

- `frames`: length of the views, in frames of a log-mel.
- `mean`, `std`: of the log-mels of the collection, one number each.
- `mixup`: strength α. A share of another sound from 0 to α is mixed in; at most 1.
- `crop_canvas`: height and width of the canvas that crops are taken from, in units of
  the view's; at least 1. The sound lies in its centre, the mean around it.
- `crop_bands`, `crop_frames`: ranges of the crop's height and width, in the same units.
  What is larger than the canvas is cut to it.
- `fader`: strength s. A line from one number in −s..s to another is added, over time.

Source: Anton et al., "Audio Barlow Twins" (arXiv 2209.14345), section 3.2, which takes
its views from BYOL-A (Niizumi et al., 2023); the mean and the deviation are those of
AudioSet, section 4.1.
"""

import copy
from typing import TypeAlias, TypedDict

from keras_twins.errors import InputError

Pair: TypeAlias = tuple[float, float]


class SoundSpec(TypedDict):
    """A spec, as described above."""

    frames: int
    mean: float
    std: float
    mixup: float
    crop_canvas: Pair
    crop_bands: Pair
    crop_frames: Pair
    fader: float


PRESETS: dict[str, SoundSpec] = {
    "audio_barlow_twins": {
        "frames": 96,
        "mean": -0.8294,
        "std": 4.6230,
        "mixup": 0.2,
        "crop_canvas": (1.0, 1.5),
        "crop_bands": (0.6, 1.5),
        "crop_frames": (0.6, 1.5),
        "fader": 1.0,
    },
}


def preset(name: str) -> SoundSpec:
    """Returns a copy of a built-in spec for sounds, free to be changed.

    Args:
        name: str. `"audio_barlow_twins"`.

    Returns:
        A spec: a dictionary of numbers and pairs, with the keys that
        `keras_twins.augment.sounds.presets` describes.

    Raises:
        InputError: if there is no such preset.

    Examples:
        >>> from keras_twins.augment import sounds
        >>> sounds.preset("audio_barlow_twins")["frames"]
        96
    """
    if name not in PRESETS:
        raise InputError(
            f"No preset for sounds is called {name!r}. "
            f"Expected one of {sorted(PRESETS)}. Received: {name!r}"
        )
    return copy.copy(PRESETS[name])
