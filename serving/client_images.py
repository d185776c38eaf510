"""What a client takes for an image, as the encoded bytes that a server takes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from keras_twins.decode import host
from keras_twins.serving.client_errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview"
    " | npt.NDArray[np.uint8] | Image.Image"
)


def encode(index: int, image: Picture) -> bytes:
    """Gives the bytes to send for an image.

    Files and bytes are sent as `host.readable` gives them; pixels are sent as PNG,
    which loses nothing.

    Args:
        index: int. The image's place, for messages.
        image: path of a file; bytes of an encoded picture; uint8 array
            `(height, width, 3)`; or PIL image.

    Returns:
        bytes.

    Raises:
        ImageError: if it is none of these, or a file that cannot be read.
    """
    encoded = None
    if isinstance(image, (str, os.PathLike)):
        try:
            encoded = Path(image).read_bytes()
        except OSError as error:
            raise ImageError(index, image, error.strerror) from error
    elif isinstance(image, (bytes, bytearray, memoryview)):
        encoded = bytes(image)
    if encoded is not None:
        return _converted(index, image, host.readable, encoded)
    if isinstance(image, Image.Image):
        return _converted(index, image, host.png, image)
    what = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and _is_rgb(image.shape):
            return _converted(index, image, host.png, Image.fromarray(image))
        what = f"{image.dtype} array {image.shape}"
    raise ImageError(
        index,
        image,
        "expected a path, bytes, a uint8 array (height, width, 3) or a PIL image; "
        f"got {what}",
    )


def _is_rgb(shape):
    return len(shape) == 3 and shape[2] == 3 and min(shape) > 0


def _converted(index, image, convert, given):
    try:
        return convert(given)
    except host.ERRORS as error:
        raise ImageError(index, image, str(error)) from error
