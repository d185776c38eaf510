"""Embeds the files of a collection; one that cannot be read is skipped."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_twins import progress
from keras_twins.collection import skipped
from keras_twins.collection.files import writer
from keras_twins.collection.images import File
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


def write(output, files, unreadable, model, open_embedder, strict=False):
    """Embeds files that have no embedding yet, and writes all embeddings.

    Args:
        output: `Output`.
        files: list of `keras_twins.collection.images.File`, in the order to write.
        unreadable: list of `(path, reason)` of further files.
        model: `keras_twins.serving.transports.Model` that embeds.
        open_embedder: function that gives the model's `Embedder`; it is called where a
            file has no embedding.
        strict: bool, whether a file that cannot be read is an error.

    Returns:
        int, int, list: how many embeddings were written, their width, and `(path,
        reason)` of the files that have none.

    Raises:
        InputError: if no file has an embedding, or as `Shards`.
    """
    with Shards(output.folder, model) as shards:
        before = shards.embedded()
        missing = [file for file in files if before.get(file.path) != file]
        _say_plan(files, missing, before)
        left_out = list(unreadable)
        if missing:
            embedder = open_embedder()
            done = len(files) - len(missing)
            with progress.bar("embed", len(files), "images", done=done) as bar:
                left_out += embed_into(
                    shards, embedder, missing, strict=strict, done=bar.update
                )
        skipped.write(output.skipped, left_out)
        with progress.stage(f"embed: writing {output.file or output.folder}"):
            count = shards.arrange(files)
            if not count:
                reason, _ = skipped.count(left_out)[0]
                raise InputError(
                    f"none of {len(left_out)} files has an embedding ({reason}); "
                    f"{output.skipped} lists them"
                )
            return count, _write_file(output.file, shards), left_out


def embed_into(
    shards: Shards,
    embedder: Any,
    files: Sequence[File],
    *,
    strict: bool = False,
    done: Callable[[int], object],
) -> list[tuple[str, str]]:
    """Embeds files, shard by shard.

    Args:
        shards: `Shards`, in their scope.
        embedder: `keras_twins.serving.embedder.Embedder` of the model of the shards.
        files: list of `File` without an embedding.
        strict: bool, whether the first file that cannot be read is an error.
        done: function that is told how many more files are done.

    Returns:
        list of `(path, reason)`, the files that were skipped.

    Raises:
        ImageError: with `strict`.
        InputError: if the model at a server changes meanwhile, or a shard cannot be
            written.
        ServerError: as `Embedder.embed`. What was done before is in the shards.
    """
    left_out = []
    for start in range(0, len(files), ROWS_AT_A_TIME):
        here = files[start : start + ROWS_AT_A_TIME]
        rows, errors = embed_shard(embedder, [file.path for file in here], strict, done)
        model = embedder.model()
        if model.key != shards.key:
            raise InputError(
                f"the server now holds {model.name}; the embeddings so far are by "
                f"{shards.name}"
            )
        if len(rows):
            without = {error.index for error in errors}
            shards.add(rows, [f for i, f in enumerate(here) if i not in without])
        left_out += [(error.name, error.reason) for error in errors]
    return left_out


def embed_shard(embedder, paths, strict=False, done=lambda count: None):
    """Embeds the files of one shard.

    Returns:
        float32 array `(n, D)`, the embeddings of those that can be read, in their
        order, and list of `ImageError` of the others.
    """
    parts, errors = [], []
    for outcome in embedder.outcomes(paths):
        if strict and outcome.errors:
            raise outcome.errors[0]
        errors += outcome.errors
        if len(outcome.rows):
            parts.append(outcome.rows)
        done(len(outcome.rows) + len(outcome.errors))
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32), errors


def _write_file(path, shards):
    """Copies shards into one file, where one is asked for; gives the width."""
    if path is None:
        rows, _ = next(shards.batches())
        return rows.shape[1]
    with writer(path) as file:
        for rows, names in shards.batches():
            file.append(rows, names)
    return file.width


def _say_plan(files, missing, before):
    """Says what an earlier run left to do, where there was one."""
    if not before:
        return
    changed = sum(file.path in before for file in missing)
    gone = len(before.keys() - {file.path for file in files})
    done = len(files) - len(missing)
    said = [f"{done:,} of {len(files):,} images were embedded before"]
    said += [f"{changed:,} have changed"] * bool(changed)
    said += [f"{gone:,} are gone and left out"] * bool(gone)
    progress.say(f"embed: {', '.join(said)}")
