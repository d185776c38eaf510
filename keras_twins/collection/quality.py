"""Pictures of poor quality or of another kind, by what was measured of their pixels."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from keras_twins.collection.measures import Pictures

# A check that flags this share of a collection or more says nothing about it.
_TOO_MANY = 0.5
# How many robust standard deviations from the median are far.
_FAR = 5.0


@dataclasses.dataclass(frozen=True)
class Found:
    """What one check says of the pictures that were read.

    Attributes:
        name: str, of the check.
        scores: `(M,)` float array, 0 or more; 1 and more is flagged.
        reasons: function that gives the reason, a str, for a place in 0..M-1.
        left_out: bool, whether the check flags half of the pictures or more: then it
            says what the collection is like, and its scores are not to be used.
    """

    name: str
    scores: npt.NDArray[np.float64]
    reasons: Callable[[int], str]
    left_out: bool

    @property
    def flagged(self) -> npt.NDArray[np.int64]:
        """Places of the flagged pictures, the worst first; none if left out."""
        if self.left_out:
            return np.empty(0, np.int64)
        worst_first = np.argsort(-self.scores, kind="stable")
        return worst_first[: int((self.scores >= 1).sum())]


def judge(pictures: Pictures) -> list[Found]:
    """Checks the quality of pictures, over the whole collection.

    A check compares a picture with a limit and, for what differs between collections
    (blur, noise, size, shape), with the collection: far is five robust standard
    deviations from its median.

    - `dark`, `bright`: 99 % of the pixels are nearly black, or nearly white.
    - `flat`: the brightness hardly varies.
    - `blurred`: there is less detail than in other pictures.
    - `noise`: pixels that are side by side have nothing in common.
    - `screenshot or text`: plain areas with hard edges.
    - `size`, `shape`: the area, or width / height, is far from others.

    Args:
        pictures: `Pictures`.

    Returns:
        list of `Found`, one for each check; empty for no pictures.
    """
    if not len(pictures.rows):
        return []
    column = pictures.column
    width, height = column("width"), column("height")
    contrast, likeness = column("contrast"), column("likeness")
    sharpness = np.log2(column("sharpness") + 1e-6)
    plain, hard = column("plain"), column("hard")
    textured = np.minimum(contrast / 0.03, 1.0)  # A flat picture is not also blurred.
    checks = {
        "dark": (
            0.16 / (column("brightest") + 0.01),
            lambda i: (
                f"99 % of it has a brightness of {column('brightest')[i]:.0%} or less"
            ),
        ),
        "bright": (
            0.16 / (1.01 - column("darkest")),
            lambda i: (
                f"99 % of it has a brightness of {column('darkest')[i]:.0%} or more"
            ),
        ),
        "flat": (
            0.03 / (contrast + 0.002),
            lambda i: f"its brightness varies by {contrast[i]:.1%} only",
        ),
        "blurred": (
            textured * _below(sharpness, least=0.7),
            lambda i: "it has less detail than the other pictures",
        ),
        "noise": (
            textured * np.minimum(0.25 / np.maximum(likeness, 0.02), 10.0),
            lambda i: "pixels that are side by side have nothing in common",
        ),
        "screenshot or text": (
            _drawn(plain, hard),
            lambda i: f"{plain[i]:.0%} plain, {hard[i]:.0%} hard edges",
        ),
        "size": (
            _far(np.log2(width * height), least=0.4),
            lambda i: (
                f"{width[i]} x {height[i]} pixels, others some "
                f"{np.median(width):.0f} x {np.median(height):.0f}"
            ),
        ),
        "shape": (
            _far(np.log2(width / height), least=0.2),
            lambda i: f"{width[i]} x {height[i]} pixels, unlike the others",
        ),
    }
    return [
        Found(name, scores, reasons, bool((scores >= 1).mean() >= _TOO_MANY))
        for name, (scores, reasons) in checks.items()
    ]


def _drawn(plain, hard):
    """Plain areas and hard edges at once: the lower of the two counts."""
    return np.minimum(plain / 0.6, hard / 0.04) ** 2


def _far(values, least):
    """How far values are from their median, 1 for `_FAR` robust standard deviations.

    Args:
        values: `(M,)` float array.
        least: float, the least that counts as a robust standard deviation.
    """
    return np.abs(_deviations(values, least)) / _FAR


def _below(values, least):
    return np.maximum(-_deviations(values, least), 0.0) / _FAR


def _deviations(values, least):
    centred = values - np.median(values)
    spread = 1.4826 * np.median(np.abs(centred))
    return centred / max(spread, least)
