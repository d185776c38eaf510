"""The files of a collection: which there are, and how to see that one changed."""

import collections
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from keras_twins import listing
from keras_twins.collection import remote
from keras_twins.decode.modality import IMAGES, Modality
from keras_twins.errors import InputError
from keras_twins.types import StrPath

_NOT_UTF_8 = "its name is not UTF-8, which Parquet requires; write a .npz file"


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


def look_at(path: str) -> File:
    """A file of this machine as it is now.

    Raises:
        OSError: for a file that has gone, or is in a closed folder.
    """
    status = os.stat(path)
    return File(path, status.st_size, status.st_mtime_ns)


class Search:
    """The images or recordings among files and folders, in a reproducible order.

    It looks while it is iterated, so that memory does not grow with the files.

    Args:
        paths: iterable of str. A file is taken whatever its name; a folder is searched
            for the suffixes of the modality, subfolders included. Both may be URLs
            (`keras_twins.collection.remote`).
        utf_8: bool. Whether names must be UTF-8, as Parquet requires.
        modality: `keras_twins.decode.modality.Modality`, what is looked for.

    Attributes:
        left_out: list of `(path, reason)`, the files that have gone, are closed or have
            another name.
        ignored: `collections.Counter` of other files in the folders, as
            `keras_twins.listing.Listing` has it.

    Yields:
        `File`; one that is named twice comes twice.

    Raises:
        InputError: while it is iterated, if a path does not exist, a folder cannot be
            opened, or nothing is found.
    """

    def __init__(
        self, paths: Iterable[str], utf_8: bool = False, modality: Modality = IMAGES
    ) -> None:
        self._paths = paths
        self._utf_8 = utf_8
        self._modality = modality
        self.left_out: list[tuple[str, str]] = []
        self.ignored: collections.Counter[str] = collections.Counter()

    def __iter__(self) -> Iterator[File]:
        count = 0
        for given in self._paths:
            for file in self._found(given):
                if self._utf_8 and not _is_utf_8(file.path):
                    self.left_out.append((file.path, _NOT_UTF_8))
                    continue
                count += 1
                yield file
        if not count and not self.left_out:
            raise InputError(self._nothing())

    def _found(self, given):
        if remote.is_url(given):
            return itertools.starmap(
                File, remote.find(given, self._modality, self.ignored)
            )
        if os.path.isdir(given):
            return self._looked_at(self._in_folder(given))
        if not os.path.exists(given):
            raise InputError(
                f"{given!r} does not exist; expected {self._modality.one} or folder"
            )
        return self._looked_at([str(pathlib.Path(given))])

    def _in_folder(self, folder):
        try:
            for name in listing.each(folder, self._modality.suffixes, self.ignored):
                yield os.path.join(pathlib.Path(folder), name)
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from error

    def _looked_at(self, paths):
        for path in paths:
            try:
                yield look_at(path)
            except OSError as error:
                self.left_out.append((path, str(error.strerror)))

    def _nothing(self):
        named = self._paths if isinstance(self._paths, Sequence) else ()
        where = "in " + ", ".join(map(repr, named)) if named else "was named"
        other = f" ({listing.say_ignored(self.ignored)})" if self.ignored else ""
        what, suffixes = self._modality.word, ", ".join(self._modality.suffixes)
        return f"no {what} {where}{other}; expected files ending in {suffixes}"


def names_in(path: StrPath) -> Iterator[str]:
    """Names of files that a file lists, one by one.

    Args:
        path: path of a text file with a name per line, or of a `.parquet` file with a
            column `path`. An empty line is passed over.

    Raises:
        InputError: while it is iterated, for a file that cannot be read or has no such
            column.
    """
    try:
        if pathlib.Path(path).suffix == ".parquet":
            yield from _names_in_parquet(path)
        else:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                yield from filter(None, (line.rstrip("\r\n") for line in file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error


def _names_in_parquet(path):
    with open(path, "rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
        columns = file.schema_arrow.names
        if "path" not in columns:
            raise InputError(
                f"{path}: expected a column 'path'; it has {', '.join(columns)}"
            )
        for batch in file.iter_batches(columns=["path"]):
            yield from map(os.fsdecode, batch["path"].to_pylist())


def _is_utf_8(path):
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
