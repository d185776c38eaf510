"""What a host does to image files, with Pillow, before and beside TensorFlow."""

import io

from PIL import Image

# How the names of files end that are taken for images where a folder is listed.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")

# What PNG holds as it is; the graph makes RGB of it as it does of a file.
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")

# What Pillow raises for bytes that it cannot read.
ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def readable(contents):
    """The bytes of an image file as every exported model reads them.

    A WebP becomes a PNG of the same pixels, an animated one a PNG of its first frame:
    models of earlier releases, and servers whose TensorFlow has no WebP decoder, read
    no WebP. Other bytes stay as they are.

    Args:
        contents: bytes of a file.

    Returns:
        bytes.

    Raises:
        one of `ERRORS`: for a WebP that Pillow cannot read.
    """
    if contents[:4] != b"RIFF" or contents[8:12] != b"WEBP":
        return contents
    with Image.open(io.BytesIO(contents)) as image:
        return png(image)


def png(image):
    """Encodes a PIL image as PNG, which loses nothing.

    Args:
        image: `PIL.Image.Image`.

    Returns:
        bytes.

    Raises:
        one of `ERRORS`: for an image that Pillow cannot read.
    """
    file = io.BytesIO()
    image = image if image.mode in _PNG_MODES else image.convert("RGB")
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def size(path):
    """Reads the size of an image from its file's header.

    Args:
        path: path of the file.

    Returns:
        `(width, height)` in pixels, of what the graph decodes.

    Raises:
        one of `ERRORS`: for a file that Pillow cannot read.
    """
    with Image.open(path) as image:
        if image.format != "GIF":
            return image.size
        # The first frame's own size, which may be less than the canvas's.
        left, top, right, bottom = image.tile[0][1]
        return right - left, bottom - top
