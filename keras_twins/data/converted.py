"""Files that TensorFlow does not read, converted once into a cache of all runs.

The cache is a folder of PNG or WAV files, named by what was converted, its path, size
and time of change, and how. It is safe to delete: what is missing is made again.
"""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import tempfile
import threading
import time

from keras_twins import files, listing, progress
from keras_twins.data import heads
from keras_twins.decode.errors import Unreadable
from keras_twins.errors import InputError

FOLDER_VARIABLE = "KERAS_TWINS_CACHE"
LIMIT_VARIABLE = "KERAS_TWINS_CACHE_GB"
_DEFAULT_GB = 50.0


@dataclasses.dataclass(frozen=True)
class Readable:
    """What is read in the place of a collection's files.

    Attributes:
        paths: list of str: of each file itself, or of its conversion.
        converted: dict of str by str: the original of each conversion.
        reasons: dict of str by str: why a file that should be converted was not.
        deep: list of int, the places of images with samples of 16 bits, cut to 8.
    """

    paths: list[str]
    converted: dict[str, str]
    reasons: dict[str, str]
    deep: list[int]


def folder(modality):
    """The folder of a modality's cache, `pathlib.Path`."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return pathlib.Path(named).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if caches.startswith("~"):  # There is no home.
        caches = os.path.join(tempfile.gettempdir(), f"cache-{os.getuid()}")
    return pathlib.Path(caches) / "keras_twins" / modality.plural


def limit():
    """How many bytes the cache may take up.

    Raises:
        InputError: for a limit that is not a number.
    """
    text = os.environ.get(LIMIT_VARIABLE, _DEFAULT_GB)
    try:
        return int(float(text) * 1e9)
    except (ValueError, OverflowError):
        raise InputError(
            f"{LIMIT_VARIABLE}={text}: expected a number of gigabytes"
        ) from None


def readable(modality, name, paths, chosen=frozenset()):
    """Converts what TensorFlow does not read, where that has not been done.

    Several processes convert one after the other. Files that are missing or broken stay
    as they are: the decoder says what is wrong with them.

    Args:
        modality: `keras_twins.decode.modality.Modality` of the files.
        name: str, what the user called the collection.
        paths: list of str.
        chosen: set of str, paths of files that are converted whatever they look like.

    Returns:
        `Readable`.

    Raises:
        InputError: for a cache that is full or cannot be written.
    """
    looks = heads.looks(modality, name, paths)
    deep = [index for index, look in enumerate(looks) if look == heads.DEEP]
    asked = [
        index
        for index, look in enumerate(looks)
        if look == heads.CONVERT or paths[index] in chosen
    ]
    if not asked:
        return Readable(paths, {}, {}, deep)
    with _writing(modality):
        cache = _Cache(modality, name)
        made = cache.convert([paths[index] for index in asked])
    read = list(paths)
    for index, path in zip(asked, made, strict=True):
        if path is not None:
            read[index] = path
            if modality.is_deep(heads.head(path)):
                deep.append(index)
    converted = {path: paths[i] for i, path in zip(asked, made, strict=True) if path}
    cache.say(len(converted))
    return Readable(read, converted, cache.reasons, sorted(deep))


def can_be_converted(modality, path):
    """Whether the host reads a file whose kind the graph should read, and does not."""
    try:
        _converted(modality, path)
    except modality.errors:
        return False
    return True


class _Cache:
    """What is converted at one time."""

    def __init__(self, modality, name):
        self.reasons = {}
        self._modality = modality
        self._name = name
        self._folder, self._limit = folder(modality), limit()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._bytes = self._files = None  # Looked up where something is converted.
        self._new, self._began = 0, time.monotonic()
        self._lock = threading.Lock()

    def convert(self, paths):
        """The conversion of each file; None where it cannot be converted."""
        bar = progress.bar(
            f"converting {self._name}", len(paths), self._modality.plural
        )
        with (
            bar as counted,
            concurrent.futures.ThreadPoolExecutor(heads.threads()) as pool,
        ):
            made = []
            try:
                for path in pool.map(self._convert_one, paths):
                    made.append(path)
                    counted.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return made

    def say(self, converted):
        """Says where the conversions are, where some were made."""
        if not self._new:
            return
        print(
            f"{self._name}: read as {self._modality.converted_to}: "
            f"{listing.counted(converted, 'file')} that "
            f"TensorFlow does not read, {self._new:,} of them converted now in "
            f"{time.monotonic() - self._began:.0f} s; the cache {self._folder} has "
            f"{listing.counted(self._files, 'file')}, {_size(self._bytes)} of at most "
            f"{_size(self._limit)}, and is safe to delete",
            flush=True,
        )

    def _convert_one(self, path):
        try:
            target = _place(self._folder, self._modality, path)
            if target.exists():
                return str(target)
            contents = _converted(self._modality, path)
        except self._modality.errors as error:
            if isinstance(error, Unreadable):
                self.reasons[path] = str(error)
            return None
        with self._lock:
            if self._bytes is None:
                self._bytes, self._files = _taken(self._folder)
            self._bytes += len(contents)
            if self._bytes > self._limit:
                raise InputError(
                    f"{self._name}: the cache of converted {self._modality.plural}, "
                    f"{self._folder}, would exceed its limit of {_size(self._limit)}; "
                    f"{LIMIT_VARIABLE}=GIGABYTES raises it, and deleting the folder "
                    "empties it"
                )
            self._files += 1
            self._new += 1
        target.parent.mkdir(exist_ok=True)
        with files.whole(target) as beside:
            beside.write_bytes(contents)
        return str(target)


def _converted(modality, path):
    """The bytes of a file as the graph reads them, whatever its kind."""
    with open(path, "rb") as file:
        return modality.convert(file)


def _place(cache, modality, path):
    """Where a file's conversion lies."""
    stat = os.stat(path)
    file = f"{os.path.realpath(path)}\0{stat.st_size}\0{stat.st_mtime_ns}"
    said = f"{modality.version}\0{file}"
    key = hashlib.sha256(os.fsencode(said)).hexdigest()[:32]
    return cache / key[:2] / f"{key[2:]}.{modality.converted_to.lower()}"


def _taken(cache):
    """Bytes and number of the files in the cache."""
    sizes = [
        entry.stat().st_size
        for below in os.scandir(cache)
        if below.is_dir()
        for entry in os.scandir(below)
    ]
    return sum(sizes), len(sizes)


@contextlib.contextmanager
def _writing(modality):
    """A scope in which this process alone writes to the cache.

    The kernel gives the lock back when the process ends, however that happens.
    """
    where = folder(modality)
    try:
        where.mkdir(parents=True, exist_ok=True)
        with open(where / ".lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another process that converts into {where}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise InputError(
            f"the cache of converted {modality.plural}, {where}, cannot be written "
            f"({error.strerror or error}); {FOLDER_VARIABLE}=FOLDER names another"
        ) from error


def _size(count):
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
