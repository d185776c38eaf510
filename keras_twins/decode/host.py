"""What a host does to image files, with Pillow, before and beside TensorFlow.

The graph reads most files as they are. Of the others, which `needs_conversion` knows by
their first bytes, `readable` makes a PNG of the same pixels.
"""

import io
import struct

from keras_twins.decode import kinds, pillow
from keras_twins.decode.errors import Unreadable

# How the names of files end that are taken for images where a folder is listed.
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
    *(".jp2", ".j2k"),
)
# So many bytes of a file say what kind it is: a JPEG may begin with 64 KiB of Exif.
HEAD_BYTES = 1 << 17
# The largest width x height that is read, where nobody says another.
MAX_PIXELS = 178_956_970


# What the functions below raise: a file that is missing, or that is not read.
ERRORS = (OSError, Unreadable)


def needs_conversion(head):
    """Whether a file is an image that the graph does not read as it is.

    Args:
        head: bytes, the first `HEAD_BYTES` of the file, or all of it.

    Returns:
        bool. True where `readable` makes a PNG of it, or says why it cannot.
    """
    kind = kinds.kind_of(head)
    if kind == kinds.JPEG:
        return _is_rare_jpeg(head)
    if kind == kinds.BMP:
        return not _is_plain_bmp(head)
    if kind == kinds.WEBP:
        return head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 2 != 0
    return kind not in (None, kinds.PNG, kinds.GIF)


def is_16_bit(head):
    """Whether bytes are those of a PNG with samples of 16 bits.

    Args:
        head: bytes, the first 25 of a file that the graph reads: of what `readable`
            gave where the file was converted.

    Returns:
        bool.
    """
    return kinds.kind_of(head) == kinds.PNG and head[24:25] == b"\x10"


def readable(contents, max_pixels=MAX_PIXELS):
    """The bytes of an image file as every exported model reads them.

    What `needs_conversion` becomes a PNG of the first picture's pixels, turned as its
    orientation says. So does a WebP: models of earlier releases, and servers whose
    TensorFlow has no WebP decoder, read none. Deep images (16 bits or floats) become a
    PNG of 16 bits: integers in 0..65535 as they are, floats in 0..1 times 65535, floats
    in 0..65535 rounded. Other bytes stay as they are.

    Args:
        contents: bytes of a file.
        max_pixels: int. Width x height above which a picture is refused undecoded.

    Returns:
        bytes.

    Raises:
        Unreadable: for a file that should be converted and cannot be.
    """
    if kinds.kind_of(contents) != kinds.WEBP and not needs_conversion(contents):
        return contents
    return png_of_file(io.BytesIO(contents), max_pixels)


def png_of_file(file, max_pixels=MAX_PIXELS):
    """The same of a binary file object of any image."""
    with pillow.opened(file, max_pixels) as image:
        return pillow.png(image)


def png(image):
    """Encodes a PIL image as PNG, as `readable` does a file.

    Args:
        image: `PIL.Image.Image`.

    Returns:
        bytes.

    Raises:
        Unreadable: for an image that Pillow cannot read.
    """
    with pillow.refusing():
        return pillow.png(image)


def size(path):
    """Reads the size of an image from its file's header.

    Args:
        path: path of the file.

    Returns:
        `(width, height)` in pixels, of what the graph decodes.

    Raises:
        one of `ERRORS`: for a file that Pillow cannot read.
    """
    with open(path, "rb") as file, pillow.opened(file, MAX_PIXELS) as image:
        if image.format == "PNG" and not _png_has_block(path):
            # Pillow would decode all of it to look for a block behind the pixels.
            return image.size
        return pillow.oriented_size(image)


def _is_rare_jpeg(head):
    """Whether a JPEG is coded in a way that TensorFlow's decoder does not know."""
    at = 2
    while at + 10 <= len(head):
        if head[at] != 0xFF:
            return False
        marker = head[at + 1]
        # C4, C8 and CC are no frames; the others say how one is coded.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            huffman, bits = marker in (0xC0, 0xC1, 0xC2), head[at + 4]
            return not (huffman and bits == 8)
        if marker == 0xFF:
            at += 1
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return False


def _png_has_block(path):
    """Whether a PNG has a chunk that may hold an orientation."""
    with open(path, "rb", buffering=0) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            if head[4:] in (b"eXIf", b"iTXt"):
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False


def _is_plain_bmp(head):
    """Whether `bmp.decode_bmp` reads a BMP: its rule in Python."""
    head = head[: kinds.BMP_HEADER_BYTES].ljust(kinds.BMP_HEADER_BYTES, b"\0")
    (header_size,) = struct.unpack_from("<I", head, 14)
    bits, compression = struct.unpack_from("<HI", head, 28)
    masks = head[54:66] == kinds.BMP_MASKS
    plain = compression == 0 or (compression == 3 and masks and bits > 8)
    return plain and header_size in kinds.BMP_HEADERS and bits in (8, 24, 32)
