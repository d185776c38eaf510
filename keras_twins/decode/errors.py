"""Why a file is not decoded, in one line: the texts, and how TensorFlow wraps them.

The graph puts what it calls the file before these reasons: a training its path, a
server its place, `image_bytes[3]`.
"""

import re

from keras_twins.decode import kinds


class Unreadable(ValueError):
    """A file that is not read, and why: a line that follows the file's name."""


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
_OWN = re.compile(
    r"assertion failed: \[(.+?) ("
    + "|".join(map(re.escape, _REASONS))
    + f"|{_TOO_LARGE})\\]",
    re.DOTALL,
)
# What graphs of any release say about one of the files that they are given.
_OF_A_FILE = re.compile(r"image_bytes\[\d+\] ([^\]\n]+)")
_GRAPH_NAMES = re.compile(r"\{\{.*?\}\}\s*|\s*\[Op:\w+\].*")


def label_and_reason(message):
    """What an `ImageDecoder` said about a file, or None where it said nothing.

    Args:
        message: str, of an error of TensorFlow's.

    Returns:
        `(label, reason)`, two str, or None.
    """
    found = _OWN.search(message)
    return (found[1], found[2]) if found else None


def reason(message):
    """Why TensorFlow did not decode a file, without names of the graph.

    Args:
        message: str, of the error, from this process or from a server.

    Returns:
        str, one line that follows the file's name.
    """
    own = label_and_reason(message)
    if own:
        return own[1]
    found = _OF_A_FILE.search(message)
    if found:
        return found[1]
    # What the decoder said stands above the names of graph nodes, below any stack.
    above = re.split(r"\s*\[\[", message, maxsplit=1)[0].strip()
    last = _GRAPH_NAMES.sub("", (above.splitlines() or [""])[-1])
    return f"cannot be decoded: {last}"
