"""What a client takes for an image, as the encoded bytes that a server takes."""

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from keras_twins.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt
    import PIL.Image

Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview"
    " | npt.NDArray[np.uint8] | PIL.Image.Image"
)

# What PNG holds as it is; the server makes RGB of it as it does of a file.
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


class ImageError(InputError):
    """An image that has no embedding.

    Attributes:
        index: int. The image's place among those given.
        name: str. Its path, or `images[index]`.
    """

    def __init__(self, index: int, image: Picture, reason: str | None) -> None:
        self.index = index
        self.name = name_of(index, image)
        super().__init__(f"{self.name}: {reason}")


def name_of(index: int, image: Picture) -> str:
    """What messages call an image: its path, or its place."""
    return str(image) if isinstance(image, (str, os.PathLike)) else f"images[{index}]"


def encode(index: int, image: Picture) -> bytes:
    """Gives the bytes to send for an image.

    Files and bytes are sent as they are, but for WebP, which the exported graph does
    not take; pixels are sent as PNG, which loses nothing.

    Args:
        index: int. The image's place, for messages.
        image: path of a file; bytes of an encoded picture; uint8 array
            `(height, width, 3)`; or PIL image.

    Returns:
        bytes.

    Raises:
        ImageError: if it is none of these, or a file that cannot be read.
    """
    from PIL import Image

    encoded = None
    if isinstance(image, (str, os.PathLike)):
        try:
            encoded = Path(image).read_bytes()
        except OSError as error:
            raise ImageError(index, image, error.strerror) from error
    elif isinstance(image, (bytes, bytearray, memoryview)):
        encoded = bytes(image)
    if encoded is not None and _is_webp(encoded):
        # TensorFlow's decoder of WebP is not safe on any bytes.
        return _as_png(index, image, lambda: Image.open(io.BytesIO(encoded)))
    if encoded is not None:
        return encoded
    if isinstance(image, Image.Image):
        return _as_png(index, image, lambda: image)
    what = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and _is_rgb(image.shape):
            return _as_png(index, image, lambda: Image.fromarray(image))
        what = f"{image.dtype} array {image.shape}"
    raise ImageError(
        index,
        image,
        "expected a path, bytes, a uint8 array (height, width, 3) or a PIL image; "
        f"got {what}",
    )


def refusal(message: str) -> str:
    """The reason in what TensorFlow says about an image, without names of the graph.

    Args:
        message: str. The message of an INVALID_ARGUMENT.

    Returns:
        str, one line.
    """
    said = re.search(r"image_bytes\[\d+\] ([^\]\n]+)", message)
    if said:
        return said.group(1)
    # What the decoder said stands above the names of graph nodes, below any stack.
    above = re.split(r"\s*\[\[", message, maxsplit=1)[0].strip()
    last = re.sub(r"\{\{.*?\}\}\s*", "", (above.splitlines() or [""])[-1])
    return f"cannot be embedded: {last}"


def _is_webp(encoded):
    return encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"


def _is_rgb(shape):
    return len(shape) == 3 and shape[2] == 3 and min(shape) > 0


def _as_png(index, image, open_picture):
    from PIL import Image

    png = io.BytesIO()
    try:
        picture = open_picture()
        if picture.mode not in _PNG_MODES:
            picture = picture.convert("RGB")
        picture.save(png, "PNG", compress_level=1)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(index, image, f"cannot be decoded: {error}") from error
    return png.getvalue()
