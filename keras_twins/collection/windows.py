"""Embeds recordings window by window: rows that say when they begin and end."""

import collections
import io
from typing import NamedTuple

import numpy as np

from keras_twins import progress
from keras_twins.collection import remote, skipped
from keras_twins.collection.files import writer
from keras_twins.decode import host_sounds
from keras_twins.decode.errors import Unreadable
from keras_twins.errors import InputError

# Of the files that hold further columns.
SUFFIXES = (".npz", ".parquet")


class Written(NamedTuple):
    """What became of some recordings.

    Attributes:
        embeddings: int, how many windows have one.
        width: int, of each.
        total: int, how many recordings there are, each counted once.
        skipped: as of `keras_twins.collection.bulk.Written`.
    """

    embeddings: int
    width: int
    total: int
    skipped: list[tuple[str, int]]


def write(output, files, left_out, embedder, windows, strict=False):
    """Embeds the windows of recordings, and writes them while they are made.

    Memory does not grow with the length of a recording. A file that turns out to be
    damaged keeps the windows before the damage, and is listed as skipped.

    Args:
        output: `keras_twins.collection.bulk.Output` of a file of one of `SUFFIXES`,
            whose rows have the columns `start_ms` and `end_ms`, int64.
        files: iterable of `keras_twins.collection.images.File`, in the order to write.
        left_out: list of `(path, reason)` of further files, which may grow while
            `files` is iterated.
        embedder: `keras_twins.serving.embedder.Embedder` of a model of recordings.
        windows: `keras_twins.decode.sound_windows.Windows` at its rate.
        strict: bool, whether a file that cannot be read is an error.

    Returns:
        `Written`.

    Raises:
        InputError: if no window has an embedding, with `strict` for the first file that
            cannot be read, or for an output that cannot be written.
    """
    cut = _Cut(dict.fromkeys(files), windows, left_out, strict)
    with writer(output.file) as file, progress.bar("embed", None, "windows") as bar:
        for outcome in embedder.outcomes(cut.encoded()):
            refused = {error.index: error.reason for error in outcome.errors}
            rows = cut.take(len(outcome.rows) + len(refused), refused)
            if rows:
                paths, starts, ends = zip(*rows, strict=True)
                columns = {"start_ms": np.array(starts), "end_ms": np.array(ends)}
                file.append(outcome.rows, paths, columns=columns)
            bar.update(len(rows))
        reasons = skipped.write(output.skipped, cut.left_out.items())
        if not file.count:
            raise InputError(
                f"none of {cut.total} files has an embedding ({reasons[0][0]}); "
                f"{output.skipped} lists them"
            )
    return Written(file.count, file.width, cut.total, reasons)


class _Cut:
    """The windows of files that are on their way to an embedder."""

    def __init__(self, files, windows, left_out, strict):
        self._files = files
        self._windows = windows
        self._strict = strict
        self._under_way = collections.deque()
        self._taken = 0
        self.left_out = dict(left_out)
        self.total = len(files) + len(left_out)

    def encoded(self):
        """Yields each window as the bytes of a WAV file."""
        for file in self._files:
            try:
                with _opened(file.path) as contents:
                    for start_ms, end_ms, samples in self._windows.of(contents):
                        self._under_way.append((file.path, start_ms, end_ms))
                        yield host_sounds.wav(samples, self._windows.rate)
            except host_sounds.ERRORS as error:
                self._leave_out(file.path, getattr(error, "strerror", None) or error)

    def take(self, count, refused):
        """The next so many windows, but for those that were refused.

        Args:
            count: int.
            refused: dict from the places of windows, counted from the first of all, to
                why they have no embedding.

        Returns:
            list of `(path, start_ms, end_ms)`.
        """
        rows = []
        for place in range(self._taken, self._taken + count):
            row = self._under_way.popleft()
            if place in refused:
                self._leave_out(row[0], f"{refused[place]} (from {row[1]} ms on)")
            else:
                rows.append(row)
        self._taken += count
        return rows

    def _leave_out(self, path, reason):
        if self._strict:
            raise InputError(f"{path}: {reason}")
        self.left_out.setdefault(path, str(reason))


def _opened(path):
    if not remote.is_url(path):
        return open(path, "rb")
    (contents,) = remote.fetch([path])
    if isinstance(contents, remote.Unreadable):
        raise Unreadable(contents.reason)
    return io.BytesIO(contents)
