"""The augmentation recipes.

A spec is a plain dictionary, so that a config file can hold one:

- `image_size`: side of the square views, in pixels.
- `mean`, `std`: per channel, of pixels scaled to 0..1, as the papers print them.
- `view_a`, `view_b`: one dictionary each, with
    - `crop_scale`: range of the crop's area, as a share of the image's;
    - `crop_ratio`: range of the crop's width / height;
    - `interpolation`: `"bilinear"` or `"bicubic"`;
    - `flip`: probability of a horizontal flip;
    - `jitter`: probability that the next four apply;
    - `brightness`, `contrast`, `saturation`: strength s, a factor from 1 - s to 1 + s;
    - `hue`: strength, a turn of the colour circle from -s to s, at most 0.5;
    - `greyscale`: probability;
    - `blur`: probability; `blur_sigma`: range of the Gaussian's sigma in pixels;
    - `solarise`: probability that values of 128 and more (of 255) are inverted.
- `further_views`, which may be left out: views beside these two (multi-crop), with
    - `count`: how many;
    - `image_size`: their side in pixels, by default that of the two;
    - any key of `view_a`, which they are otherwise made as.

SwAV and DINO add small views of small parts of the image to two large ones. For images
of 32 pixels, that could be
`{"count": 4, "image_size": 16, "crop_scale": (0.05, 0.25)}`.

Sources: yaohungt/Barlow-Twins-HSIC for CIFAR-10, STL-10 and Tiny ImageNet,
facebookresearch/barlowtwins for ImageNet (whose two views differ in blur and
solarise). `digits` is this project's own, for scikit-learn's 8x8 scans.
"""

import copy
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from keras_twins.errors import InputError

Range: TypeAlias = tuple[float, float]
PerChannel: TypeAlias = tuple[float, float, float]


class ViewSpec(TypedDict):
    """How a view is made, as described above."""

    crop_scale: Range
    crop_ratio: Range
    interpolation: Literal["bilinear", "bicubic"]
    flip: float
    jitter: float
    brightness: float
    contrast: float
    saturation: float
    hue: float
    greyscale: float
    blur: float
    blur_sigma: Range
    solarise: float


class Spec(TypedDict):
    """A spec, as described above."""

    image_size: int
    mean: PerChannel
    std: PerChannel
    view_a: ViewSpec
    view_b: ViewSpec
    further_views: NotRequired[dict[str, Any]]


_CIFAR10: ViewSpec = {
    "crop_scale": (0.08, 1.0),
    "crop_ratio": (3 / 4, 4 / 3),
    "interpolation": "bilinear",
    "flip": 0.5,
    "jitter": 0.8,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.4,
    "hue": 0.1,
    "greyscale": 0.2,
    "blur": 0.0,
    "blur_sigma": (0.1, 2.0),
    "solarise": 0.0,
}

# No flip: a mirrored digit is another symbol. Grey scans have no hue.
_DIGITS: ViewSpec = {
    **_CIFAR10,
    "crop_scale": (0.4, 1.0),
    "flip": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "greyscale": 0.0,
    "blur": 0.5,
    "blur_sigma": (0.1, 1.0),
}
_STL10: ViewSpec = {
    **_CIFAR10,
    "crop_scale": (0.2, 1.0),
    "interpolation": "bicubic",
    "greyscale": 0.1,
}
_IMAGENET: ViewSpec = {
    **_CIFAR10,
    "interpolation": "bicubic",
    "saturation": 0.2,
    "blur": 1.0,
}

PRESETS: dict[str, Spec] = {
    "digits": {
        "image_size": 16,
        # Those of the 1 797 scans, scaled to 0..1.
        "mean": (0.305, 0.305, 0.305),
        "std": (0.376, 0.376, 0.376),
        "view_a": _DIGITS,
        "view_b": _DIGITS,
    },
    "cifar10": {
        "image_size": 32,
        "mean": (0.4914, 0.4822, 0.4465),
        "std": (0.2023, 0.1994, 0.2010),
        "view_a": _CIFAR10,
        "view_b": _CIFAR10,
    },
    "stl10": {
        "image_size": 64,
        "mean": (0.43, 0.42, 0.39),
        "std": (0.27, 0.26, 0.27),
        "view_a": _STL10,
        "view_b": _STL10,
    },
    "tiny_imagenet": {
        "image_size": 64,
        "mean": (0.480, 0.448, 0.398),
        "std": (0.277, 0.269, 0.282),
        "view_a": _STL10,
        "view_b": _STL10,
    },
    "imagenet": {
        "image_size": 224,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "view_a": _IMAGENET,
        "view_b": {**_IMAGENET, "blur": 0.1, "solarise": 0.2},
    },
}


def preset(name: str) -> Spec:
    """Returns a copy of a built-in augmentation spec, free to be changed.

    Args:
        name: str. One of `"digits"`, `"cifar10"`, `"stl10"`, `"tiny_imagenet"`,
            `"imagenet"`.

    Returns:
        A spec: a nested dictionary of numbers, tuples and strings, with the keys that
        `keras_twins.augment.presets` describes.

    Raises:
        InputError: if there is no such preset.

    Examples:
        >>> import keras_twins as kt
        >>> spec = kt.augment.preset("imagenet")
        >>> spec["image_size"], spec["view_a"]["blur"], spec["view_b"]["blur"]
        (224, 1.0, 0.1)
    """
    if name not in PRESETS:
        raise InputError(
            f"No augmentation preset is called {name!r}. "
            f"Expected one of {sorted(PRESETS)}. Received: {name!r}"
        )
    spec = copy.deepcopy(PRESETS[name])
    # Two dictionaries, also where the recipe of both views is one.
    spec["view_b"] = copy.copy(spec["view_b"])
    return spec
