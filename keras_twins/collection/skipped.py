"""The files of a collection that have no embedding: a list beside the output."""

import collections
import pathlib
import re
from collections.abc import Sequence

from keras_twins import files
from keras_twins.types import StrPath


def write(path: StrPath, skipped: Sequence[tuple[str, str]]) -> None:
    """Writes the list, a CSV file with the columns `path` and `reason`.

    Where nothing was skipped there is none: an older one is removed.

    Args:
        path: path of the file.
        skipped: list of `(path, reason)`.
    """
    path = pathlib.Path(path)
    if not skipped:
        path.unlink(missing_ok=True)
        return
    files.write_csv(path, [("path", "reason"), *skipped])


def count(skipped: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """Reasons and how many files have each, most frequent first.

    Reasons that differ in numbers, or behind a colon, are one.

    Examples:
        >>> from keras_twins.collection import skipped
        >>> skipped.count([("a.png", "claims 9 x 9 pixels"), ("b.png", "is empty"),
        ...                ("c.png", "claims 8 x 8 pixels")])
        [('claims … x … pixels', 2), ('is empty', 1)]
    """
    kinds = (re.sub(r"\d+", "…", reason.split(":")[0]) for _, reason in skipped)
    return collections.Counter(kinds).most_common()
