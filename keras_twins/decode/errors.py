"""What TensorFlow says where a file is not decoded, in one line.

The graph puts what it calls the file before a reason of `image_reasons` or
`sound_reasons`: a training its path, a server its place, `image_bytes[3]`.
"""

import re

from keras_twins.decode import image_reasons, input_names, sound_reasons


class Unreadable(ValueError):
    """A file that is not read, and why: a line that follows the file's name."""


_OWN = re.compile(
    r"assertion failed: \[(.+?) ("
    + "|".join((*image_reasons.PATTERNS, *sound_reasons.PATTERNS))
    + r")\]",
    re.DOTALL,
)
# What graphs of any release say about one of the files that they are given.
_OF_A_FILE = re.compile(rf"(?:{'|'.join(input_names.ALL)})\[\d+\] ([^\]\n]+)")
_GRAPH_NAMES = re.compile(r"\{\{.*?\}\}\s*|\s*\[Op:\w+\].*")


def label_and_reason(message):
    """What a decoder of this package said about a file, or None where it said nothing.

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
