"""Why an image file is not decoded: lines that follow what the graph calls the file."""

import re

from keras_twins.decode import kinds

EMPTY = "is an empty file"
NOT_AN_IMAGE = "is not a JPEG, PNG, BMP, GIF or WebP image"
ANIMATED_WEBP = "is an animated WebP image; still ones are decoded"
RARE_BMP = (
    "is a BMP image of a rare kind; uncompressed ones of 8, 24 and 32 bits per pixel "
    "are decoded"
)
CUT_OFF_BMP = "is a BMP image that is cut off"
EMPTY_GIF = "is a GIF file without a frame"


def of_another_kind(kind):
    """The reason for an image of a kind, a str, that the graph does not read."""
    # No apostrophe: TensorFlow would put a backslash before it.
    return f"is a {kind} image; convert it to PNG, as the client of keras-twins does"


_TOO_LARGE = r"claims -?\d+ x -?\d+ pixels; 1 to \d+ are decoded(?: \(max_pixels\))?"
_REASONS = (
    *(EMPTY, NOT_AN_IMAGE, ANIMATED_WEBP, RARE_BMP, CUT_OFF_BMP, EMPTY_GIF),
    *map(of_another_kind, kinds.CONVERTED),
)
# Each of them, as a regular expression.
PATTERNS = (*map(re.escape, _REASONS), _TOO_LARGE)
