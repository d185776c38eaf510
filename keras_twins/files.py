"""Files that appear whole: written beside, flushed to the disk, and renamed."""

import contextlib
import csv
import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from keras_twins.types import StrPath

# How the name of an unfinished file begins.
PARTIAL = ".partial-"


@contextlib.contextmanager
def whole(path: StrPath) -> Iterator[pathlib.Path]:
    """A file that has its name only when it is complete.

    If the scope fails, what was written is removed, and a file that had the name
    before is as it was. Only one process may write a file at a time.

    Args:
        path: path of the file; its folder exists.

    Yields:
        path to write to, in the same folder, with the same suffix.

    Raises:
        OSError: where the disk is full, for instance.
    """
    path = pathlib.Path(path)
    beside = path.with_name(PARTIAL + path.name)
    try:
        yield beside
        _sync(beside)
        os.replace(beside, path)
        _sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_text(path: StrPath, text: str) -> None:
    """Writes a text file that appears whole; file names in it need not be UTF-8."""
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: StrPath, data: Any) -> None:
    """Writes a JSON file that appears whole."""
    write_text(path, json.dumps(data, indent=2) + "\n")


def write_csv(path: StrPath, rows: Iterable[Iterable[object]]) -> None:
    """Writes a CSV file that appears whole; file names in it need not be UTF-8."""
    with (
        whole(path) as beside,
        beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        csv.writer(out).writerows(rows)


def append_json_line(path: StrPath, data: Any) -> None:
    """Appends one line to a file of JSON lines; it has reached the disk on return."""
    with open(path, "a", encoding="utf-8") as file:
        print(json.dumps(data), file=file, flush=True)
        os.fsync(file.fileno())


def read_json_lines(path: StrPath) -> list[Any]:
    """Reads a file of JSON lines.

    A last line without its end is left out: it was being written when the process was
    stopped.

    Returns:
        list with the data of each line; empty if there is no such file.

    Raises:
        ValueError: for a line that is not JSON.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n") and line.strip()]


def _sync(path):
    """Makes a file's bytes, or the names in a folder, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
