"""Files on an object store, by URL: `s3://bucket/key` or `gs://bucket/key`.

Credentials, region and endpoint come from where the store's own tools have them: of S3
the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...), `~/.aws` or the role of
the machine; of Google Cloud Storage the application default credentials.
"""

import collections
import concurrent.futures
import functools
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.fs

from keras_twins.decode.modality import Modality
from keras_twins.errors import InputError

_SCHEMES = ("s3", "gs")
# A store answers many requests at a time, each after tens of milliseconds.
_REQUESTS_AT_A_TIME = 32


class Unreadable(NamedTuple):
    """Why a file cannot be read."""

    reason: str


def is_url(path: str) -> bool:
    """Whether a name is of a file or folder on an object store."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme in _SCHEMES


def find(
    url: str, modality: Modality, ignored: "collections.Counter[str]"
) -> Iterator[tuple[str, int, int]]:
    """Lists the images or recordings below a URL, in the order of their names.

    Args:
        url: str, of one file, which is taken whatever its name, or of a folder.
        modality: what is looked for.
        ignored: counter to which other files are added, by suffix.

    Yields:
        str, int, int: URL, size in bytes and time of change in nanoseconds.

    Raises:
        InputError: if there is no such file or folder, or the store refuses.
    """
    scheme = url.partition("://")[0]
    system, path = _opened(url)
    try:
        for info in _infos(system, path):
            name = f"{scheme}://{info.path}"
            suffix = os.path.splitext(info.path)[1].lower()
            if info.path == path or suffix in modality.suffixes:
                yield name, info.size, info.mtime_ns or 0
            else:
                ignored[suffix] += 1
    except FileNotFoundError as error:
        raise InputError(
            f"{url!r} does not exist; expected {modality.one} or folder"
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{url}: {_reason(error)}") from error


def fetch(urls: Sequence[str]) -> list[bytes | Unreadable]:
    """The contents of some files, read at the same time.

    Returns:
        list with the bytes of each file, or `Unreadable`.
    """
    with concurrent.futures.ThreadPoolExecutor(_REQUESTS_AT_A_TIME) as pool:
        return list(pool.map(_read, urls))


def _infos(system, path):
    """What a file system tells of the files below a path, folder by folder."""
    info = system.get_file_info(path)
    if info.type == pyarrow.fs.FileType.File:
        yield info
        return
    found = system.get_file_info(pyarrow.fs.FileSelector(path))
    for entry in sorted(found, key=lambda entry: entry.path):
        if entry.type == pyarrow.fs.FileType.Directory:
            yield from _infos(system, entry.path)
        else:
            yield entry


def _read(url):
    try:
        system, path = _opened(url)
        with system.open_input_file(path) as file:
            return file.read()
    except (InputError, OSError, pa.ArrowException) as error:
        return Unreadable(_reason(error))


def _opened(url):
    """The file system of a URL, and the path on it."""
    scheme, _, path = url.partition("://")
    path = path.rstrip("/")
    try:
        return _system(scheme, path.partition("/")[0]), path
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{url}: {_reason(error)}") from error


@functools.lru_cache
def _system(scheme: str, bucket: str) -> Any:
    system, _ = pyarrow.fs.FileSystem.from_uri(f"{scheme}://{bucket}")
    return system


def _reason(error):
    """The first line of what a store or Arrow says, without the name of the file."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    line = re.sub(r"^When .*?: (?=AWS|google::)", "", line)
    if "ACCESS_DENIED" in line:
        return f"access is denied, are the store's credentials set?: {line}"
    return line
