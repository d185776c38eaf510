"""Embeddings in shards: a folder that grows and survives a kill at any moment.

A shard is a Parquet file of up to 1024 embeddings with their files. It is whole or
absent, and never changed: what is in a later shard replaces what an earlier one has of
the same file. So a shard may be written by any process, in any order, under a number of
its own; `arrange` then leaves each file once, in the order of the collection, in shards
that are full.
"""

import fcntl
import functools
import itertools
import json
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from keras_twins import files
from keras_twins.collection import parquet
from keras_twins.collection.images import File
from keras_twins.collection.ledger import Ledger
from keras_twins.errors import InputError
from keras_twins.types import StrPath

ROWS = 1024  # the most in a shard
# Of a shard while embeddings are made: what two kills cost is one shard at most.
ROWS_AT_A_TIME = ROWS // 2

_NAME = re.compile(r"shard-(\d{6,})\.parquet")
_MODEL = b"keras_twins.model"
_SHARDS_IN_MEMORY = 4


class Shards:
    """A folder of shards that one process at a time writes, inside of its scope.

    Args:
        folder: path. It is made if it does not exist; its own folder does.
        model: `(name, key)`, which model makes the embeddings: its name for messages,
            and text that is the same for the same model alone.

    Attributes:
        name, key: str, of the model.

    Raises:
        InputError: for a folder that holds something else or embeddings of another
            model, a shard that cannot be read, or a folder that another process
            writes; on entering the scope.
    """

    def __init__(self, folder: StrPath, model: tuple[str, str]) -> None:
        self._folder = pathlib.Path(folder)
        self.name, self.key = model
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(exist_ok=True)
            self._lock = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"{self._folder}: {error.strerror}") from error
        try:
            self._lock_it()
            self._check()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if not any(self._folder.iterdir()):
            self._folder.rmdir()

    def mark_in(self, ledger: Ledger) -> None:
        """Notes in a ledger what the shards hold that it does not know yet."""
        paths = self._paths()
        for number in range(ledger.shards, len(paths)):
            ledger.mark(number, _files(paths[number]))

    def ledger(self) -> Ledger:
        """An empty `Ledger`, which a later run deletes if this one is killed."""
        return Ledger(self._folder / f"{files.PARTIAL}ledger.sqlite")

    def add(self, rows: npt.NDArray[np.float32], of: Sequence[File]) -> None:
        """Writes one shard, which is on the disk on return.

        Args:
            rows: `(n, D)` float32 array, n in 1..`ROWS`.
            of: n `File`, in the order of the rows.

        Raises:
            InputError: for a full disk, for instance.
        """
        numbers = [_number(path) for path in self._paths()]
        path = self._folder / f"shard-{max(numbers, default=-1) + 1:06d}.parquet"
        table = pa.table(
            {
                "path": parquet.path_column([file.path for file in of]),
                "size": pa.array([file.size for file in of], pa.int64()),
                "modified": pa.array([file.modified for file in of], pa.int64()),
                "embedding": parquet.embedding_column(rows),
            }
        ).replace_schema_metadata({_MODEL: json.dumps([self.name, self.key])})
        try:
            with files.whole(path) as beside:
                pyarrow.parquet.write_table(table, beside)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error

    def arrange(self, ledger: Ledger) -> int:
        """Leaves each file once, in the order of a collection, and drops the others.

        Full shards at the beginning that are right already stay as they are: files that
        come last in the order cost no more than the last shard.

        Args:
            ledger: `Ledger` of the collection. Files without an embedding are passed
                over.

        Returns:
            int, how many embeddings there are.
        """
        self.mark_in(ledger)
        paths = self._paths()
        read = functools.lru_cache(_SHARDS_IN_MEMORY)(_rows)
        kept, is_kept = 0, True
        for number, here in enumerate(_in_groups(ledger.places())):
            is_kept = is_kept and _is_whole(paths[number], number, here)
            if is_kept:
                kept += 1
                continue
            parts = [read(paths[place.shard])[place.row] for place in here]
            self.add(np.stack(parts), [place.file for place in here])
        for path in paths[kept:]:
            path.unlink()
        return ledger.embedded()

    def batches(self) -> Iterator[tuple[npt.NDArray[np.float32], list[str]]]:
        """Embeddings `(n, D)` and their paths, shard by shard."""
        for path in self._paths():
            yield _rows(path), [file.path for file in _files(path)]

    def _paths(self):
        """The shards, in their order."""
        found = (p for p in self._folder.iterdir() if _NAME.fullmatch(p.name))
        return sorted(found, key=_number)

    def _lock_it(self):
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self._folder} is being written by another process: wait for it, or "
                "give another output"
            ) from None
        except OSError:
            pass  # A file system without locks.

    def _check(self):
        for path in self._folder.iterdir():
            if path.name.startswith(files.PARTIAL):
                path.unlink()  # A process was killed while it wrote it.
            elif not _NAME.fullmatch(path.name):
                raise InputError(
                    f"{self._folder} holds {path.name}, which is not a shard of "
                    "embeddings; give another output"
                )
        for path in self._paths():
            name, key = _model(path)
            if key != self.key:
                raise InputError(
                    f"{self._folder} holds embeddings by {name}, and {self.name} is "
                    "another model: give another output, or delete the folder"
                )


def _number(path):
    return int(_NAME.fullmatch(path.name)[1])


def _model(path):
    """The `(name, key)` of the model that made a shard."""
    try:
        metadata = pyarrow.parquet.read_schema(path).metadata or {}
        name, key = json.loads(metadata[_MODEL])
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{path} is not a whole shard of embeddings; delete it, and the same "
            "command embeds its files again"
        ) from error
    return name, key


def _in_groups(places):
    while here := list(itertools.islice(places, ROWS)):
        yield here


def _is_whole(path, number, places):
    """Whether a shard holds what it should: these rows, in this order, and no other."""
    here = [(place.shard, place.row) for place in places]
    count = pyarrow.parquet.read_metadata(path).num_rows
    return count == len(places) and here == [(number, row) for row in range(count)]


def _files(path):
    table = pyarrow.parquet.read_table(path, columns=["path", "size", "modified"])
    columns = [table[name].to_pylist() for name in table.column_names]
    return [
        File(os.fsdecode(name), *seen) for name, *seen in zip(*columns, strict=True)
    ]


def _rows(path):
    return parquet.read([path])[0]
