"""How alike copies of a collection's own pictures are, and what that says of others."""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from keras_twins.collection import alike, measures
from keras_twins.collection.measures import Pictures
from keras_twins.decode import host

_SAMPLES = 150
# The share of the copies that are to be above the threshold, where precision allows.
_RECALL = 0.998


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The similarity from which on two pictures count as copies, and what to expect.

    Attributes:
        threshold: float in -1..1, or None where no picture could be read.
        precision: float in 0..1, the share of the pairs found that is expected to be
            copies; None where no pair was found.
        recall: dict, for each kind of change the share of altered copies that pass.
        samples: int, how many pictures were altered.
    """

    threshold: float | None
    precision: float | None
    recall: dict[str, float]
    samples: int


def reencoded(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A picture after JPEG of a quality of 50 to 90."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(50, 91)))
    return Image.open(file).convert("RGB")


def resized(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A picture at 0.6 to 1.6 of its size."""
    return _scaled(image, rng.uniform(0.6, 1.6))


def half_size(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A picture at half of its size, as JPEG."""
    return reencoded(_scaled(image, 0.5), rng)


def cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A part of a picture, 0.8 of its sides, from anywhere."""
    width, height = (max(1, round(0.8 * side)) for side in image.size)
    x = int(rng.integers(image.width - width + 1))
    y = int(rng.integers(image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


def _scaled(image, factor):
    size = [max(1, round(factor * side)) for side in image.size]
    return image.resize(size, Image.Resampling.LANCZOS)


CHANGES: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "re-encoded": reencoded,
    "resized": resized,
    "half size": half_size,
    "cropped to 80 %": cropped,
}
"""What is done to a picture to make a copy, by name."""


def copies(
    pictures: Pictures, samples: int = _SAMPLES, seed: int = 0
) -> dict[str, npt.NDArray[np.float32]]:
    """Measures how alike pictures of a collection are to altered copies of themselves.

    Args:
        pictures: `Pictures`.
        samples: int, how many pictures are altered, each in all ways of `CHANGES`.
        seed: int, which decides the pictures and the changes.

    Returns:
        dict from the name of a change to float32 array of similarities.
    """
    rng = np.random.default_rng(seed)
    count = min(samples, len(pictures.rows))
    chosen = np.sort(rng.choice(len(pictures.rows), count, replace=False))
    looks: list[npt.NDArray[np.uint8]] = []
    sizes: list[tuple[int, int]] = []
    pairs: dict[str, list[tuple[int, int]]] = {name: [] for name in CHANGES}
    for at in chosen:
        try:
            image = measures.open_picture(pictures.paths[pictures.rows[at]])
        except host.ERRORS:
            continue  # It went away since it was measured.
        original = len(looks)
        looks.append(measures.small(image))
        sizes.append(image.size)
        for name, change in CHANGES.items():
            altered = change(image, rng)
            pairs[name].append((original, len(looks)))
            looks.append(measures.small(altered))
            sizes.append(altered.size)
    if not looks:
        return {}
    stack, sides = np.stack(looks), np.array(sizes)
    return {
        name: alike.similarities(stack, sides, these)[0]
        for name, these in pairs.items()
    }


def calibrate(
    of_copies: dict[str, npt.NDArray[np.float32]],
    found: npt.NDArray[np.float32],
    mirrored: npt.NDArray[np.float32],
    precision: float,
) -> Calibration:
    """Chooses the threshold from which on a pair counts as copies.

    It is the lowest one that nearly all altered copies pass (99.8 %), raised until the
    expected precision is high enough. That is the lower of two estimates:

    - Pairs of which one picture is mirrored cannot be copies. As many false pairs are
      expected as mirrored ones pass.
    - Half of the altered copies lie above their median. So some twice as many pairs as
      lie above it are expected to be copies; at most that and two standard deviations,
      since few pairs say little. Of these copies, those below the threshold fail.

    The precision that is told is at most n / (n + 1) for n pairs: a few pairs that seem
    right promise nothing.

    Args:
        of_copies: dict of arrays, as `copies` gives.
        found: float array, the similarities of pairs of the collection.
        mirrored: float array, those of pairs of the same pictures with one mirrored.
        precision: float in 0..1, the expected precision that is asked for.

    Returns:
        `Calibration`.
    """
    if not of_copies:
        return Calibration(None, None, {}, 0)
    everything = np.sort(np.concatenate(list(of_copies.values())))
    start = everything[int((1 - _RECALL) * len(everything))]
    thresholds = np.unique(np.concatenate([everything, found]))
    thresholds = thresholds[thresholds >= start]
    passing = _passing(found, thresholds)
    twice = 2 * _passing(found, np.median(everything))
    most = twice + 2 + 2 * (twice + 1) ** 0.5  # What a binomial's count leaves open.
    copies_left = most * _passing(everything, thresholds) / len(everything)
    expected = np.minimum(
        passing / np.maximum(passing + _passing(mirrored, thresholds), 1),
        np.minimum(copies_left / np.maximum(passing, 1), 1.0),
    )
    enough = (expected >= precision) | (passing == 0)
    at = int(enough.argmax()) if enough.any() else len(thresholds) - 1
    threshold = thresholds[at]
    return Calibration(
        float(threshold),
        float(min(expected[at], passing[at] / (passing[at] + 1)))
        if passing[at]
        else None,
        {name: float((s >= threshold).mean()) for name, s in of_copies.items()},
        len(next(iter(of_copies.values()))),
    )


def _passing(values, thresholds):
    """How many values reach each threshold."""
    return len(values) - np.searchsorted(np.sort(values), thresholds)
