"""How alike two pictures are, of which one may be a part of the other."""

import functools

import numpy as np
from PIL import Image
from scipy import fft, ndimage

# The side of the small pictures that are compared.
SIDE = 32
# A match is first looked for in grey, at half of that.
_COARSE = SIDE // 2
# Pairs that are less alike than this in grey are not looked at closely.
_CLOSER = 0.75
# The smallest part of a side that is looked for: half of the picture's area.
_SMALLEST_PART = 0.7
_PAIRS_AT_A_TIME = 4096
# Constants of SSIM that keep noise in plain pictures from counting, in squared levels:
# (0.03 x 255)^2 for the pixels, less for their detail.
_STABILITY, _DETAIL_STABILITY = 58.5, 3.0
_LUMINANCE_STABILITY = 6.5


def similarities(looks, sizes, pairs):
    """Compares pairs of pictures by their pixels.

    The similarity is the lowest of three terms of SSIM (Wang et al. 2004, equations 6
    and 9, one window, three colours): brightness, the structure of the pixels, and that
    of their detail, which is what differs from the mean of the 5 x 5 pixels around.
    Detail is what tells a copy from a picture of a like scene. The terms are those at
    the best place of one picture in the other: all of it, or a part of 0.7 to 1 of its
    sides. Pictures with less detail than others are compared at what they have.

    Args:
        looks: uint8 array `(N, SIDE, SIDE, 3)`, the pictures made small.
        sizes: int array `(N, 2)`, width and height of the files.
        pairs: int array `(P, 2)` of row numbers.

    Returns:
        float32 array `(P,)` in -1..1, 0 for pairs that are not even alike in grey at 16
        x 16 pixels; and float32 array `(P,)`, the share of the area
        of one picture that the other shows: 1 for all of it.
    """
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    sizes = np.asarray(sizes)
    similarity = np.zeros(len(pairs), np.float32)
    share = np.ones(len(pairs), np.float32)
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        rows = slice(start, start + _PAIRS_AT_A_TIME)
        coarse, places = _coarse(looks, sizes, pairs[rows])
        for i in start + np.flatnonzero(coarse >= _CLOSER):
            turned, *place = places[i - start]
            whole, part = pairs[i, ::-1] if turned else pairs[i]
            similarity[i], share[i] = _closer(
                looks[whole], looks[part], sizes[[whole, part]], np.array(place)
            )
    return similarity, share


def _coarse(looks, sizes, pairs):
    """The highest similarity in grey, and where: `(turned, x, y, width, height)`."""
    grey = {row: _grey(looks[row]) for row in np.unique(pairs)}
    best = np.full(len(pairs), -1.0, np.float32)
    places = np.zeros((len(pairs), 5), int)
    for turned, (whole, part) in enumerate((pairs.T, pairs[:, ::-1].T)):
        # A part that was cut out has the shape of pixels of its picture. So the shapes
        # of the files say how much of the width is left for a share of the height.
        aspects = sizes[:, 0] / sizes[:, 1]
        across = aspects[part] / aspects[whole]
        limits = np.stack([np.minimum(across, 1), np.minimum(1 / across, 1)], axis=1)
        wholes = np.stack([grey[row] for row in whole])
        parts = np.stack([grey[row] for row in part])
        for longest in range(_COARSE, int(_COARSE * _SMALLEST_PART) - 1, -1):
            sides = np.rint(longest * limits).astype(int)
            for side in np.unique(sides, axis=0):
                if min(side) >= int(_COARSE * _SMALLEST_PART):
                    rows = np.flatnonzero((sides == side).all(axis=1))
                    found, place = _slide(wholes[rows], parts[rows], *side)
                    better = found > best[rows]
                    best[rows[better]] = found[better]
                    places[rows[better], 0] = turned
                    places[rows[better], 1:] = place[better]
    return best, places


def _grey(look):
    halves = look.reshape(_COARSE, 2, _COARSE, 2, 3)
    grey = halves.mean(axis=(1, 3, 4), dtype=np.float32)
    return grey - grey.mean()  # Small numbers keep their digits in the sums below.


def _slide(whole, part, width, height):
    """The best place of `part`, at a size, in `whole`: similarity and place."""
    part = _shrink(height) @ part @ _shrink(width).T
    part -= part.mean(axis=(1, 2), keepdims=True)
    of_part = np.square(part).sum(axis=(1, 2))[:, np.newaxis, np.newaxis]
    # Of the circular correlation, the places that do not wrap around.
    spectrum = fft.rfft2(whole) * fft.rfft2(part, (_COARSE, _COARSE)).conj()
    correlation = fft.irfft2(spectrum, (_COARSE, _COARSE))
    both = correlation[:, : _COARSE - height + 1, : _COARSE - width + 1]
    squares, sums = (_windows(p, width, height) for p in (whole * whole, whole))
    of_whole = squares - sums * sums / (width * height)
    floor = _STABILITY * width * height
    found = (2 * both + floor) / (of_part + of_whole + floor)
    flat = found.reshape(len(found), -1)
    y, x = np.divmod(flat.argmax(axis=1), found.shape[2])
    sides = np.broadcast_to([width, height], (len(found), 2))
    return flat.max(axis=1), np.column_stack([x, y, sides])


def _windows(pixels, width, height):
    """The sum over each window of a size."""
    sums = np.pad(pixels, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    across = sums[:, :, width:] - sums[:, :, :-width]
    return across[:, height:] - across[:, :-height]


@functools.cache
def _shrink(side):
    """The matrix `(side, _COARSE)` that makes a row of pixels shorter."""
    rows = Image.fromarray(np.eye(_COARSE, dtype=np.float32))
    return np.asarray(rows.resize((_COARSE, side), Image.Resampling.BICUBIC))


def _closer(whole, part, sizes, place):
    """The similarity around a coarse place, and the share of the area."""
    scale = SIDE // _COARSE
    x, y, width, height = scale * place
    is_whole = width == height == SIDE
    shares = np.array([width, height]) / SIDE
    detail = int(np.clip(min(*(sizes[0] * shares), *sizes[1]), 8, SIDE * min(shares)))
    wholes, part = Image.fromarray(whole), Image.fromarray(part)
    part = np.asarray(part.resize((detail, detail), Image.Resampling.BICUBIC))
    best = np.float32(-1.0), (x, y, 0)
    for step in (None,) if is_whole else (1.0, 0.5):
        _, (left, top, grown) = best
        steps = (0,) if step is None else (-step, 0, step)
        boxes = [
            (left + right, top + down, grown + more)
            for more in steps
            for right in steps
            for down in steps
        ]
        views = [_cut(wholes, b, width, height, detail) for b in boxes]
        found = _similarity(np.stack(views), part[np.newaxis])
        best = max(best, (found.max(), boxes[found.argmax()]))
    share = (width + best[1][2]) * (height + best[1][2]) / SIDE**2
    return best[0], 1.0 if is_whole else min(share, 1.0)


def _cut(picture, box, width, height, detail):
    x, y, grown = box
    width, height = min(width + grown, SIDE), min(height + grown, SIDE)
    x, y = min(max(x, 0), SIDE - width), min(max(y, 0), SIDE - height)
    size, box = (detail, detail), (x, y, x + width, y + height)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box=box))


def _similarity(a, b):
    """The lowest of the three terms, `(n,)`, of pictures `(n, detail, detail, 3)`."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    mean_a, mean_b = (p.mean(axis=(1, 2), keepdims=True) for p in (a, b))
    brightness = (2 * mean_a * mean_b + _LUMINANCE_STABILITY) / (
        mean_a**2 + mean_b**2 + _LUMINANCE_STABILITY
    )
    structure = _structure(a - mean_a, b - mean_b, _STABILITY)
    detail = _structure(_detail(a), _detail(b), _DETAIL_STABILITY)
    lowest = np.minimum(structure, detail)
    return np.minimum(lowest, brightness.min(axis=(1, 2, 3)))


def _detail(pixels):
    return pixels - ndimage.uniform_filter(pixels, (1, 5, 5, 1), mode="nearest")


def _structure(a, b, stability):
    """How alike deviations `(n, ...)` from a mean are, in -1..1."""
    axes = tuple(range(1, a.ndim))
    both, of_a, of_b = (a * b).sum(axes), (a * a).sum(axes), (b * b).sum(axes)
    floor = stability * a[0].size
    return (2 * both + floor) / (of_a + of_b + floor)
