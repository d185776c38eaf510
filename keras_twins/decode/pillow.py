"""Pillow as used here: one picture, oriented, no warning, each failure one line.

Pillow's own limit of pixels and its warnings are settings of the whole process, which
belong to the user: they are neither obeyed nor changed here.
"""

import contextlib
import io
import logging
import threading
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from keras_twins.decode import kinds
from keras_twins.decode.errors import Unreadable

_PLUGINS = {
    kinds.JPEG: "JPEG",
    kinds.PNG: "PNG",
    kinds.GIF: "GIF",
    kinds.BMP: "BMP",
    kinds.WEBP: "WEBP",
    "TIFF": "TIFF",
    "PNM": "PPM",
    "JPEG 2000": "JPEG2000",
    "AVIF": "AVIF",
    "HEIC": "HEIF",
}
# What PNG holds as it is; the graph makes RGB of it as it does of a file.
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


@contextlib.contextmanager
def opened(file, max_pixels):
    """A scope with the first picture of a file, whose pixels are not yet decoded.

    Args:
        file: binary file object.
        max_pixels: int. Width x height above which a picture is refused.

    Yields:
        `PIL.Image.Image`.

    Raises:
        Unreadable: for a file that is not opened, or fails in the scope.
    """
    with refusing():
        kind = kinds.kind_of(file.read(64))
        file.seek(0)
        if kind is None:
            raise Unreadable("is not an image")
        if kind == "HEIC":
            _register_heic()
        Image.init()
        # Not by `Image.open`, which would apply the process's limit of pixels.
        open_image, _ = Image.OPEN[_PLUGINS[kind]]
        with open_image(file) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Unreadable(
                    f"claims {width} x {height} pixels; 1 to {max_pixels} are decoded "
                    "(max_pixels)"
                )
            yield image


@contextlib.contextmanager
def refusing():
    """A scope in which Pillow's errors become `Unreadable`, and it warns of nothing."""
    try:
        with _quiet:
            yield
    except Unreadable:
        raise
    except Exception as error:
        # Its decoders raise what a broken file leads them to, of any type.
        what = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(f"cannot be decoded: {what}") from error


def png(image):
    """The pixels of an image, oriented, as the bytes of a PNG."""
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # A torn block, of which Pillow raises anything.
        image = image.copy()
    # Not the file's profile, comments and transparent colour: nobody reads them.
    image.info = {}
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_in_16_bits(np.asarray(image)))
    elif image.mode not in _PNG_MODES:
        image = image.convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def oriented_size(image):
    """Width and height as they are once the image is turned."""
    width, height = image.size
    if image.format == "TIFF":  # Pillow gives the size of a turned one.
        return width, height
    try:
        sideways = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:  # A torn block, as above.
        sideways = False
    return (height, width) if sideways else (width, height)


def _in_16_bits(samples):
    """Integers in 0..65535 as they are, floats scaled from 0..1 or rounded."""
    low, high = samples.min(), samples.max()
    if not (low >= 0 and high <= 65535):  # Also where one is not a number.
        raise Unreadable(
            f"holds values from {low} to {high}; integers in 0..65535 and floats in "
            "0..1 or 0..65535 are read"
        )
    if samples.dtype.kind == "f":
        samples = np.rint(samples * 65535.0 if high <= 1 else samples)
    return samples.astype(np.uint16)


def _register_heic():
    try:
        import pillow_heif  # An optional extra.
    except ImportError:
        raise Unreadable(
            'is a HEIC image; pip install "keras-twins[heic]" reads it'
        ) from None
    pillow_heif.register_heif_opener()


class _Quiet:
    """A scope without Pillow's warnings, for any number of threads at a time.

    `warnings.catch_warnings` alone would leave a filter behind where two threads leave
    in the order in which they came.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
                _LOGGER.addFilter(_nothing)
            self._inside += 1

    def __exit__(self, *error):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _LOGGER.removeFilter(_nothing)
                self._caught.__exit__(*error)


def _nothing(record):
    return False


# The one part of Pillow that logs errors, which Python shows.
_LOGGER = logging.getLogger("PIL.TiffImagePlugin")
_quiet = _Quiet()
