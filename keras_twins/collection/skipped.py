"""The files of a collection that have no embedding: a list beside the output."""

import collections
import itertools
import pathlib
import re
from collections.abc import Iterable

from keras_twins import files
from keras_twins.types import StrPath


def write(path: StrPath, skipped: Iterable[tuple[str, str]]) -> list[tuple[str, int]]:
    """Writes the list, a CSV file with the columns `path` and `reason`.

    Where nothing was skipped there is none: an older one is removed. Memory does not
    grow with the list.

    Args:
        path: path of the file.
        skipped: iterable of `(path, reason)`.

    Returns:
        list of reasons and how many files have each, most frequent first. Reasons that
        differ in numbers, or behind a colon, are one.

    Examples:
        >>> import tempfile
        >>> from keras_twins.collection import skipped
        >>> skipped.write(tempfile.mkdtemp() + "/e.skipped.csv", [
        ...     ("a.png", "claims 9 x 9 pixels"), ("b.png", "is empty"),
        ...     ("c.png", "claims 8 x 8 pixels")])
        [('claims … x … pixels', 2), ('is empty', 1)]
    """
    path, given = pathlib.Path(path), iter(skipped)
    first = list(itertools.islice(given, 1))
    if not first:
        path.unlink(missing_ok=True)
        return []
    counted: collections.Counter[str] = collections.Counter()
    rows = _counted(itertools.chain(first, given), counted)
    files.write_csv(path, itertools.chain([("path", "reason")], rows))
    return counted.most_common()


def _counted(skipped, counted):
    """What was skipped, while its reasons are added to a counter."""
    for path, reason in skipped:
        counted[re.sub(r"\d+", "…", reason.split(":")[0])] += 1
        yield path, reason
