"""Files of a collection that show the same picture."""

import dataclasses
import functools
import hashlib

import numpy as np
import numpy.typing as npt
from PIL import Image

from keras_twins.collection import alike, calibration
from keras_twins.collection.calibration import Calibration
from keras_twins.collection.groups import (
    EXACT,
    NEAR,
    PART,
    SAME_EMBEDDING,
    Group,
    make_groups,
)
from keras_twins.collection.measures import Pictures
from keras_twins.collection.nearest_others import nearest_others

# How many of the nearest others are compared with a picture: by embedding, by pixels.
_BY_EMBEDDING, _BY_PIXELS = 8, 10
# By pixels, all of one picture is compared with all and with parts of the others: from
# left, top, right and bottom of the small picture.
_PART = round(0.8 * alike.SIDE)
_REST = alike.SIDE - _PART
_BOXES = (
    (0, 0, alike.SIDE, alike.SIDE),
    *((x, y, x + _PART, y + _PART) for x in (0, _REST) for y in (0, _REST)),
    (_REST / 2, _REST / 2, _PART + _REST / 2, _PART + _REST / 2),
)
# From this share of the area on, one picture shows all of the other.
_ALL = 0.97
# From this similarity on, a picture is like its own mirror image.
_OWN_MIRROR = 0.5
# From this cosine on, two embeddings are the same up to rounding.
_SAME_COSINE = 1.0 - 1e-5


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """The duplicates of a collection.

    Attributes:
        groups: list of `keras_twins.collection.groups.Group`, the largest first.
        calibration: `keras_twins.collection.calibration.Calibration`: which threshold
            near ones had to pass, and what to expect of it.
        compared: int, how many pairs were compared by their pixels.
    """

    groups: list[Group]
    calibration: Calibration
    compared: int


def duplicates(
    embeddings: npt.NDArray[np.floating],
    pictures: Pictures,
    *,
    precision: float = 0.95,
    seed: int = 0,
) -> Duplicates:
    """Finds the files that show the same picture, and suggests which one to keep.

    Exact duplicates have equal decoded pixels. Near ones are searched among each
    picture's nearest others, by embedding and by pixels, and confirmed by
    `keras_twins.collection.alike.similarities`. The threshold comes from the collection
    itself: see `keras_twins.collection.calibration.calibrate`.

    Every file of a group matches the one to keep; see
    `keras_twins.collection.groups.make_groups`. The file to keep is the largest one, by
    pixels; then one that is not compressed with loss, the sharpest, and the largest in
    bytes.

    Args:
        embeddings: `(N, D)` float array without NaN, in the order of the pictures.
        pictures: `Pictures` of the N files, as `measure_all` gives. Of files that were
            not read, the embeddings alone can tell only that two are the same.
        precision: float in 0..1, the share of the near pairs that is to be right.
        seed: int, which decides what pictures are altered to calibrate.

    Returns:
        `Duplicates`.

    Raises:
        ValueError: for embeddings and pictures that do not fit.
        InputError: for embeddings that hold NaN or infinity.

    Examples:
        >>> import tempfile, keras_twins as kt, numpy as np
        >>> from PIL import Image
        >>> folder = tempfile.mkdtemp()
        >>> paths = [f"{folder}/{name}" for name in ("a.png", "b.png", "c.bmp")]
        >>> for path, level in zip(paths, (50, 200, 50)):
        ...     Image.new("RGB", (64, 64), (level, level, level)).save(path)
        >>> pictures = kt.collection.measure_all(paths)
        >>> [group] = kt.collection.duplicates(np.eye(3), pictures).groups
        >>> [paths[row][-5:] for row in group.rows], group.kinds
        (['c.bmp', 'a.png'], ['keep', 'exact'])
    """
    if len(embeddings) != len(pictures.paths):
        raise ValueError(
            "Embeddings and pictures must be of one collection. Expected as many of "
            f"one as of the other. Received: {len(embeddings)} embeddings and "
            f"{len(pictures.paths)} pictures"
        )
    numbers, members = _distinct(embeddings, pictures)
    measured = dict(zip(pictures.rows.tolist(), pictures.measures, strict=True))
    kinds = [EXACT if rows[0] in measured else SAME_EMBEDDING for rows in members]
    matches: dict[tuple[int, int], tuple[str, float]] = {}
    calibrated, compared = Calibration(None, None, {}, 0), 0
    if len(members) > 1:
        first = np.array([rows[0] for rows in members])
        search = functools.partial(nearest_others, seed=seed)
        near, cosines = search(embeddings, _BY_EMBEDDING, of=first)
        _add_same_embeddings(near, cosines, kinds, matches)
        pairs = _candidates(near, first, measured, search)
        compared = len(pairs)
        if compared:
            of_copies = calibration.copies(pictures, seed=seed)
            looks, sizes = _columns(pictures, numbers)
            calibrated = _add_near(looks, sizes, pairs, of_copies, precision, matches)
    worth = functools.partial(_worth, measured=measured)
    groups = make_groups(members, kinds, matches, worth)
    return Duplicates(groups, calibrated, compared)


def _distinct(embeddings, pictures):
    """The number of the distinct picture that each row shows, and rows by number."""
    digests = {
        int(row): found.digest
        for row, found in zip(pictures.rows, pictures.measures, strict=True)
    }
    known: dict[bytes, int] = {}
    numbers, members = [], []
    for row, embedding in enumerate(embeddings):
        key = digests.get(row) or b"embedding" + _digest(embedding)
        number = known.setdefault(key, len(known))
        if number == len(members):
            members.append([])
        members[number].append(row)
        numbers.append(number)
    return np.array(numbers), members


def _digest(embedding):
    """Of the same length for any width: the embeddings may be larger than memory."""
    return hashlib.blake2b(embedding.tobytes(), digest_size=16).digest()


def _add_same_embeddings(near, cosines, kinds, matches):
    """Adds pairs of equal embeddings of which a picture is missing."""
    for a, place in np.argwhere(cosines >= _SAME_COSINE).tolist():
        b = int(near[a, place])
        if SAME_EMBEDDING in (kinds[a], kinds[b]):
            matches[min(a, b), max(a, b)] = SAME_EMBEDDING, float(cosines[a, place])


def _candidates(near, first, measured, search):
    """Pairs of numbers of distinct pictures that may be near duplicates, `(P, 2)`."""
    has_pixels = np.array([row in measured for row in first.tolist()])
    pairs = _pairs(near)
    found = [pairs[has_pixels[pairs].all(axis=1)]]
    numbers = np.flatnonzero(has_pixels)
    if len(numbers) > 1:
        looks = [measured[row].look for row in first[numbers].tolist()]
        # All of each picture, then one part of each, the next part, and so on.
        views = [_features(look, box) for box in _BOXES for look in looks]
        near_views, _ = search(np.stack(views), _BY_PIXELS)
        pairs = _pairs(near_views)
        whole = (pairs < len(looks)).any(axis=1)
        found.append(numbers[pairs[whole] % len(looks)])
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _pairs(others):
    rows = np.repeat(np.arange(len(others)), others.shape[1])
    pairs = np.stack([rows, others.ravel()], axis=1)
    return pairs[pairs[:, 1] >= 0]


def _features(look, box):
    """A part of a small picture as a vector: what differs from the mean, and the mean.

    The mean colour counts little, except for pictures that have nothing else.
    """
    small = Image.fromarray(look).resize((8, 8), Image.Resampling.BOX, box=box)
    pixels = np.asarray(small, np.float32)
    mean = pixels.mean(axis=(0, 1))
    return np.concatenate([(pixels - mean).ravel(), mean + 1])


def _columns(pictures, numbers):
    """Small pictures, and widths and heights, by the number of the distinct picture.

    The number of a file that was not read holds another's: nobody asks for it.
    """
    places = np.zeros(numbers.max() + 1, int)
    places[numbers[pictures.rows]] = np.arange(len(pictures.rows))
    sides = [pictures.column(name)[places] for name in ("width", "height")]
    return pictures.column("look")[places], np.stack(sides, axis=1)


def _add_near(looks, sizes, pairs, of_copies, precision, matches):
    """Adds the pairs that pass the threshold, and gives the `Calibration`."""
    found, shares = alike.similarities(looks, sizes, pairs)
    mirrored = _mirrored(looks, sizes, pairs)
    calibrated = calibration.calibrate(of_copies, found, mirrored, precision)
    if calibrated.threshold is not None:
        for i in np.flatnonzero(found >= calibrated.threshold):
            kind = NEAR if shares[i] >= _ALL else PART
            a, b = pairs[i].tolist()
            matches[a, b] = kind, float(found[i])
    return calibrated


def _mirrored(looks, sizes, pairs):
    """The similarities of pairs whose second picture is mirrored.

    Pairs with a picture that is like its own mirror image, such as a black one, are
    left out: they say nothing.
    """
    both = np.concatenate([looks, looks[:, :, ::-1]]), np.concatenate([sizes, sizes])
    seconds, of_pairs = np.unique(pairs[:, 1], return_inverse=True)
    own, _ = alike.similarities(*both, np.stack([seconds, seconds + len(looks)], 1))
    tells = own[of_pairs] < _OWN_MIRROR
    return alike.similarities(*both, pairs[tells] + [0, len(looks)])[0]


def _worth(row, measured):
    found = measured.get(row)
    if found is None:
        return (0, False, 0.0, 0, -row)
    area = found.width * found.height
    return (area, found.lossless, round(found.sharpness, 3), found.size, -row)
