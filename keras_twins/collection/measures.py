"""What the pixels of picture files say, from one decoding of each."""

import concurrent.futures
import dataclasses
import hashlib
import io
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from scipy import ndimage

from keras_twins.collection.alike import SIDE
from keras_twins.decode import host, host_sounds, pillow, playing
from keras_twins.types import StrPath

# Numbers are taken from a picture of at most this side, in pixels.
_WORKING_SIDE = 256
# Steps between neighbouring pixels, in levels: those that are nothing, and edges.
_PLAIN, _HARD = 2, 64
_NAMES_AT_A_TIME = 4096
_RECORDING = object()


class Measures(NamedTuple):
    """What is known of a picture.

    Attributes:
        digest: bytes, a hash of the decoded pixels and their shape.
        width, height: int, pixels, as the picture is to be seen.
        size: int, bytes of the file.
        lossless: bool, whether the format keeps every pixel.
        look: uint8 array `(SIDE, SIDE, 3)`, the picture made small.
        darkest, brightest: float in 0..1, the brightness that 1 % and 99 % of the
            pixels stay below.
        contrast: float in 0..0.5, the standard deviation of the brightness.
        sharpness: float, the mean square of the Laplacian over the variance.
        likeness: float in -1..1, the correlation of pixels that are side by side: 0
            for noise.
        plain, hard: float in 0..1, the share of the steps from one pixel to the next
            that are nothing, and that are edges.
    """

    digest: bytes
    width: int
    height: int
    size: int
    lossless: bool
    look: npt.NDArray[np.uint8]
    darkest: float
    brightest: float
    contrast: float
    sharpness: float
    likeness: float
    plain: float
    hard: float


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The measures of a collection's files.

    A recording has none: where it can be read, it is in none of the lists.

    Attributes:
        paths: list of N str.
        rows: `(M,)` int64 array, which of the N files were read, ascending.
        measures: list of M `Measures`.
        unreadable: dict from row to the reason why a file that is there was not
            read.
        missing: list of the rows whose files are not there.
    """

    paths: list[str]
    rows: npt.NDArray[np.int64]
    measures: list[Measures]
    unreadable: dict[int, str]
    missing: list[int]

    def column(self, name: str) -> npt.NDArray:
        """One of the measures of the files that were read, `(M, ...)`."""
        return np.array([getattr(found, name) for found in self.measures])


def open_picture(path: StrPath) -> Image.Image:
    """Opens a file as a decoded picture: RGB, turned as it is to be seen.

    Args:
        path: path of a file in any format of `keras_twins.decode.host`.

    Raises:
        OSError, Unreadable: for a file that is missing or cannot be decoded
            (`keras_twins.decode.host.ERRORS`).
    """
    contents = host.readable(pathlib.Path(path).read_bytes())
    with pillow.opened(io.BytesIO(contents), host.MAX_PIXELS) as image:
        image.load()
        if image.mode.startswith("I"):  # 16 bits: the high byte, as in the graph.
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert(
                "RGB"
            )
        return ImageOps.exif_transpose(image).convert("RGB")


def measure(path: StrPath) -> Measures:
    """Measures one file; raises as `open_picture`."""
    image = open_picture(path)
    suffix = os.path.splitext(path)[1].lower()
    return Measures(
        digest=_digest(image),
        width=image.width,
        height=image.height,
        size=os.path.getsize(path),
        lossless=suffix in (".png", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm"),
        look=small(image),
        **_numbers(image),
    )


def measure_all(
    paths: Sequence[StrPath], done: Callable[[int], object] = lambda count: None
) -> Pictures:
    """Measures files, each decoded once; one that cannot be read is a result.

    Args:
        paths: list of N paths.
        done: function that is told how many more files are done.

    Returns:
        `Pictures`.
    """
    names = [os.fspath(path) for path in paths]
    found: dict[int, Measures] = {}
    unreadable: dict[int, str] = {}
    missing: list[int] = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for row, measured in enumerate(_mapped(pool, names)):
            if measured is None:
                missing.append(row)
            elif isinstance(measured, str):
                unreadable[row] = measured
            elif measured is not _RECORDING:
                found[row] = measured
            done(1)
    rows = np.array(list(found), np.int64)
    return Pictures(names, rows, list(found.values()), unreadable, missing)


def small(image: Image.Image) -> npt.NDArray[np.uint8]:
    """A picture made small, uint8 `(SIDE, SIDE, 3)`."""
    # Smoothly, so that a copy of another size becomes the same.
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _mapped(pool, names):
    """As `pool.map`, which would make an object for each name at once."""
    for start in range(0, len(names), _NAMES_AT_A_TIME):
        here = names[start : start + _NAMES_AT_A_TIME]
        yield from pool.map(_measure_or_reason, here)


def _measure_or_reason(path):
    try:
        if playing.is_recording(path):
            host_sounds.facts(path)  # Only its header: that tells most of the damage.
            return _RECORDING
        return measure(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror or error)
    except pillow.Unreadable as error:
        return str(error)


def _digest(image):
    # The shape is part of it: 32 x 64 pixels are not the same picture as 64 x 32.
    digest = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


def _numbers(image):
    image = image.convert("L")
    image.thumbnail((_WORKING_SIDE, _WORKING_SIDE), Image.Resampling.BOX)
    grey = np.asarray(image, np.float32)
    darkest, brightest = np.quantile(grey, [0.01, 0.99]) / 255
    variance = float(grey.var())
    steps = [np.abs(np.diff(grey, axis=axis)).ravel() for axis in (0, 1)]
    steps = np.concatenate([*steps, np.zeros(1, np.float32)])  # Also for one pixel.
    return {
        "darkest": float(darkest),
        "brightest": float(brightest),
        "contrast": variance**0.5 / 255,
        "sharpness": float(np.square(ndimage.laplace(grey)).mean()) / (variance + 1),
        "likeness": 1 - float(np.square(steps).mean()) / (2 * variance + 1),
        "plain": float((steps <= _PLAIN).mean()),
        "hard": float((steps >= _HARD).mean()),
    }
