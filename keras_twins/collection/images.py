"""The image files of a collection: which there are, and how to see that one changed."""

import collections
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keras_twins import listing
from keras_twins.decode.host import IMAGE_SUFFIXES
from keras_twins.errors import InputError


class File(NamedTuple):
    """A file as it was when it was looked at.

    Attributes:
        path: str, as it was given.
        size: int, in bytes.
        modified: int, in nanoseconds since 1970.
    """

    path: str
    size: int
    modified: int


def find(paths: Sequence[str]) -> tuple[list[str], collections.Counter[str]]:
    """Lists the images among files and folders, in a reproducible order.

    Args:
        paths: list of str. A file is taken whatever its name; a folder is searched
            for `IMAGE_SUFFIXES`, subfolders included.

    Returns:
        list of str, at least one and each once; and what was ignored in the folders, as
        `keras_twins.listing.Listing` has it.

    Raises:
        InputError: if a path does not exist, a folder cannot be opened, or no image is
            found.
    """
    found: list[str] = []
    ignored: collections.Counter[str] = collections.Counter()
    for given in paths:
        path = pathlib.Path(given)
        if path.is_dir():
            listed = _walk(path)
            found.extend(os.path.join(path, name) for name in listed.files)
            ignored += listed.ignored
        elif path.exists():
            found.append(str(path))
        else:
            raise InputError(f"{given!r} does not exist; expected an image or folder")
    if not found:
        where = "in " + ", ".join(map(repr, paths)) if paths else "was named"
        other = f" ({listing.say_ignored(ignored)})" if ignored else ""
        suffixes = ", ".join(IMAGE_SUFFIXES)
        raise InputError(
            f"no image {where}{other}; expected files ending in {suffixes}"
        )
    return list(dict.fromkeys(found)), ignored


def look_at(paths: Iterable[str]) -> tuple[list[File], list[tuple[str, str]]]:
    """Notes the size and the time of files.

    Returns:
        list of `File`; and `(path, reason)` of each file that has gone or is closed.
    """
    files, missing = [], []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError as error:
            missing.append((path, str(error.strerror)))
        else:
            files.append(File(path, status.st_size, status.st_mtime_ns))
    return files, missing


def named_in_utf_8(
    files: Iterable[File],
) -> tuple[list[File], list[tuple[str, str]]]:
    """Files that Parquet can name, and `(path, reason)` of the others."""
    named, others = [], []
    for file in files:
        if file.path.isascii() or _is_utf_8(file.path):
            named.append(file)
        else:
            reason = "its name is not UTF-8, which Parquet requires; write a .npz file"
            others.append((file.path, reason))
    return named, others


def _is_utf_8(path):
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(folder):
    try:
        return listing.walk(folder, IMAGE_SUFFIXES)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
