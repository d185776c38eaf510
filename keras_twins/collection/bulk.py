"""Embeds the files of a collection; one that cannot be read is skipped."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_twins import progress
from keras_twins.collection import remote, skipped
from keras_twins.collection.files import writer
from keras_twins.collection.images import File
from keras_twins.collection.ledger import Ledger
from keras_twins.collection.shards import ROWS_AT_A_TIME, Shards
from keras_twins.errors import InputError


class Output(NamedTuple):
    """Where embeddings go.

    Attributes:
        file: path of the file to write at the end, or None where shards are asked for.
        folder: path of the shards.
        skipped: path of the list of the files that have no embedding.
    """

    file: Path | None
    folder: Path
    skipped: Path

    @property
    def is_parquet(self):
        """Whether it holds names as Parquet does: as UTF-8 alone."""
        return self.file is None or self.file.suffix == ".parquet"


class Written(NamedTuple):
    """What became of a collection.

    Attributes:
        embeddings: int, how many there are.
        width: int, of each.
        new: int, how many of them were made this time.
        total: int, how many files there are, each counted once.
        skipped: list of reasons why files have no embedding, and how many files have
            each.
        nodes: int, how many machines of a cluster made embeddings this time.
    """

    embeddings: int
    width: int
    new: int
    total: int
    skipped: list[tuple[str, int]]
    nodes: int


class Part(NamedTuple):
    """Some files of a collection, embedded.

    Attributes:
        rows: float32 array `(n, D)`, the embeddings of `files`, in their order.
        files: list of n `File`.
        left_out: list of `(path, reason)`, of files that cannot be read.
        model: `keras_twins.serving.transports.Model` that made the embeddings.
        node: str, the machine of a cluster that made them; else empty.
    """

    rows: npt.NDArray[np.float32]
    files: list[File]
    left_out: list[tuple[str, str]]
    model: Any
    node: str = ""


Embed: TypeAlias = Callable[
    [Iterator[list[File]], bool, Callable[[int], object]], Iterator[Part]
]
"""A function `(files, strict, done)` that embeds lists of files, in any order.

With `strict` it raises InputError for the first file that cannot be read. It tells
`done` how many more files are done.
"""


def write(output, files, left_out, model, open_embed, strict=False):
    """Embeds files that have no embedding yet, and writes all embeddings.

    Memory does not grow with the number of files, whether they can be read or not.

    Args:
        output: `Output`.
        files: iterable of `keras_twins.collection.images.File`, in the order to write.
        left_out: list of `(path, reason)` of further files, which may grow while
            `files` is iterated; it is empty on return.
        model: `keras_twins.serving.transports.Model` that embeds.
        open_embed: context manager that gives the model's `Embed`; its scope is entered
            where a file has no embedding.
        strict: bool, whether a file that cannot be read is an error.

    Returns:
        `Written`.

    Raises:
        InputError: if no file has an embedding, or as `Shards`.
    """
    with Shards(output.folder, model) as shards, shards.ledger() as ledger:
        with progress.stage("embed: listing files"):
            ledger.add(_drained(files, left_out, ledger))
            _drain(left_out, ledger)
        if strict and ledger.count_left_out():
            raise InputError("{}: {}".format(*next(ledger.left_out())))
        total = ledger.count + ledger.count_left_out()
        shards.mark_in(ledger)
        _say_plan(ledger)
        before, nodes = ledger.embedded(), 0
        if before < ledger.count:
            with (
                open_embed() as embed,
                progress.bar("embed", ledger.count, "files", done=before) as bar,
            ):
                parts = embed(ledger.missing(ROWS_AT_A_TIME), strict, bar.update)
                nodes = embed_into(shards, parts, ledger)
        reasons = skipped.write(output.skipped, ledger.left_out())
        with progress.stage(f"embed: writing {output.file or output.folder}"):
            count = shards.arrange(ledger)
            if not count:
                raise InputError(
                    f"none of {total} files has an embedding ({reasons[0][0]}); "
                    f"{output.skipped} lists them"
                )
            width = _write_file(output.file, shards)
            return Written(count, width, count - before, total, reasons, nodes)


def embed_into(shards: Shards, parts: Iterable[Part], ledger: Ledger) -> int:
    """Writes embeddings as they are made, a shard for each part.

    Args:
        shards: `Shards`, in their scope.
        parts: iterable of `Part`.
        ledger: `Ledger` that is told which files were left out.

    Returns:
        int, how many machines of a cluster made them.

    Raises:
        InputError: if the model at a server changes meanwhile, or a shard cannot be
            written. What was done before is in the shards.
    """
    nodes = set()
    for part in parts:
        if part.model.key != shards.key:
            raise InputError(
                f"the server now holds {part.model.name}; the embeddings so far are by "
                f"{shards.name}"
            )
        if part.files:
            shards.add(part.rows, part.files)
            nodes.add(part.node)
        ledger.leave_out(part.left_out)
    return len(nodes)


@contextlib.contextmanager
def by(embedder: Any) -> Iterator[Embed]:
    """An `Embed` that works through an `Embedder` of this process.

    Args:
        embedder: `keras_twins.serving.embedder.Embedder`.
    """

    def embed(files, strict, done):
        return (embed_part(embedder, here, strict, done) for here in files)

    yield embed


def embed_part(
    embedder: Any,
    files: Sequence[File],
    strict: bool = False,
    done: Callable[[int], object] = lambda count: None,
) -> Part:
    """Embeds some files, which memory holds if they are on an object store.

    Args:
        embedder: `keras_twins.serving.embedder.Embedder`.
        files: list of `File`.
        strict, done: as of `Embed`.

    Raises:
        InputError: with `strict`, for the first file that cannot be read.
        ServerError: as `Embedder.embed`.
    """
    contents = _contents(files)
    left_out: dict[int, str] = {}
    rows: list[npt.NDArray[np.float32]] = []
    for place, given in enumerate(contents):
        if isinstance(given, remote.Unreadable):
            _leave_out(left_out, files, place, given.reason, strict)
    done(len(left_out))
    readable = [place for place in range(len(files)) if place not in left_out]
    for outcome in embedder.outcomes(contents[place] for place in readable):
        for error in outcome.errors:
            place = readable[error.index]
            _leave_out(left_out, files, place, error.reason, strict)
        if len(outcome.rows):
            rows.append(outcome.rows)
        done(len(outcome.rows) + len(outcome.errors))
    return Part(
        np.concatenate(rows) if rows else np.zeros((0, 0), np.float32),
        [file for place, file in enumerate(files) if place not in left_out],
        [(files[place].path, left_out[place]) for place in sorted(left_out)],
        embedder.model(),
    )


def _contents(files):
    """What an embedder takes: a path, or the bytes of a file on an object store."""
    urls = [file.path for file in files if remote.is_url(file.path)]
    fetched = dict(zip(urls, remote.fetch(urls), strict=True)) if urls else {}
    return [fetched.get(file.path, file.path) for file in files]


def _leave_out(left_out, files, place, reason, strict):
    if strict:
        raise InputError(f"{files[place].path}: {reason}")
    left_out[place] = reason


def _write_file(path, shards):
    """Copies shards into one file, where one is asked for; gives the width."""
    if path is None:
        rows, _ = next(shards.batches())
        return rows.shape[1]
    with writer(path) as file:
        for rows, names in shards.batches():
            file.append(rows, names)
    return file.width


def _drained(files, left_out, ledger):
    """The files, while those that are left out meanwhile go into the ledger."""
    for file in files:
        yield file
        _drain(left_out, ledger)


def _drain(left_out, ledger):
    if left_out:
        ledger.leave_out(left_out)
        left_out.clear()


def _say_plan(ledger):
    """Says what an earlier run left to do, where there was one."""
    done, changed, gone = ledger.embedded(), ledger.changed(), ledger.gone()
    if not (done or changed or gone):
        return
    said = [f"{done:,} of {ledger.count:,} files were embedded before"]
    said += [f"{changed:,} have changed"] * bool(changed)
    said += [f"{gone:,} are gone and left out"] * bool(gone)
    progress.say(f"embed: {', '.join(said)}")
