"""Which files a collection has, in its order, and which of them have an embedding.

It is a database in a file, so that memory stays the same for a thousand files and for a
hundred million, also where none of them can be read. The shards are what counts: a
ledger is made from them anew each time.
"""

import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from keras_twins.collection.images import File
from keras_twins.types import StrPath

_CACHE_KIB = 16_384
_ROWS_AT_A_TIME = 1024

_TABLES = """
CREATE TABLE files (
  place INTEGER PRIMARY KEY, path BLOB UNIQUE, size INTEGER, modified INTEGER,
  shard INTEGER, row INTEGER
);
CREATE TABLE others (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE left_out (place INTEGER PRIMARY KEY, path BLOB, reason TEXT);
"""


class Place(NamedTuple):
    """Where a file has its embedding.

    Attributes:
        file: `File`.
        shard: int, the place of the shard among the shards.
        row: int, the row of the shard.
    """

    file: File
    shard: int
    row: int


class Ledger:
    """The files of a collection, each once, in the order in which they were added.

    Args:
        path: path of the database, which does not exist; it is deleted at the end of
            the scope.

    Attributes:
        count: int, how many files it has.
        shards: int, how many shards it knows.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = path
        self.count = 0
        self.shards = 0

    def __enter__(self) -> Self:
        self._database = sqlite3.connect(self._path, isolation_level=None)
        # Nothing is read from it after a crash, so nothing need reach the disk.
        self._database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
            f"PRAGMA cache_size=-{_CACHE_KIB};" + _TABLES
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._database.close()
        os.unlink(self._path)

    def add(self, files: Iterable[File]) -> None:
        """Adds files that follow the others; those that are there already stay."""
        self._database.executemany(
            "INSERT OR IGNORE INTO files (path, size, modified) VALUES (?, ?, ?)",
            ((os.fsencode(path), *seen) for path, *seen in files),
        )
        self.count = self._count("files")

    def mark(self, shard: int, files: Iterable[File]) -> None:
        """Notes the files that a shard holds, in the order of its rows.

        A file that has changed since has no embedding in it.
        """
        for row, (path, size, modified) in enumerate(files):
            name = os.fsencode(path)
            found = self._database.execute(
                "UPDATE files SET shard = ?, row = ? "
                "WHERE path = ? AND size = ? AND modified = ?",
                (shard, row, name, size, modified),
            )
            if not found.rowcount:
                self._database.execute(
                    "INSERT OR IGNORE INTO others VALUES (?)", (name,)
                )
        self.shards = shard + 1

    def leave_out(self, files: Iterable[tuple[str, str]]) -> None:
        """Notes `(path, reason)` of files that cannot have an embedding."""
        self._database.executemany(
            "INSERT INTO left_out (path, reason) VALUES (?, ?)",
            ((os.fsencode(path), reason) for path, reason in files),
        )

    def left_out(self) -> Iterator[tuple[str, str]]:
        """`(path, reason)` of the files that were left out, in their order."""
        found = self._database.execute(
            "SELECT path, reason FROM left_out ORDER BY place"
        )
        return ((os.fsdecode(path), reason) for path, reason in found)

    def count_left_out(self) -> int:
        """How many files were left out."""
        return self._count("left_out")

    def embedded(self) -> int:
        """How many files have an embedding."""
        return self._count("files WHERE shard IS NOT NULL")

    def changed(self) -> int:
        """How many files without an embedding had one before they changed."""
        return self._count("files JOIN others USING (path) WHERE shard IS NULL")

    def gone(self) -> int:
        """How many files have an embedding and are not in the collection."""
        return self._count("others WHERE path NOT IN (SELECT path FROM files)")

    def missing(self, rows: int) -> Iterator[list[File]]:
        """The files that have no embedding when it is called, `rows` at a time."""
        found = self._database.execute(
            "SELECT path, size, modified FROM files WHERE shard IS NULL ORDER BY place"
        )
        while some := found.fetchmany(rows):
            yield [File(os.fsdecode(path), *seen) for path, *seen in some]

    def places(self) -> Iterator[Place]:
        """Where each file that has an embedding has it, in the order of the files."""
        found = self._database.execute(
            "SELECT path, size, modified, shard, row FROM files "
            "WHERE shard IS NOT NULL ORDER BY place"
        )
        found.arraysize = _ROWS_AT_A_TIME
        some = iter(found.fetchmany, [])
        for path, size, modified, shard, row in itertools.chain.from_iterable(some):
            yield Place(File(os.fsdecode(path), size, modified), shard, row)

    def _count(self, what):
        (count,) = self._database.execute(f"SELECT COUNT(*) FROM {what}").fetchone()
        return count
