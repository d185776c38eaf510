"""Embeds files into shards; one that cannot be read is skipped."""

from collections.abc import Callable, Sequence

import numpy as np

from keras_twins.collection.images import File
from keras_twins.collection.shards import ROWS, Shards
from keras_twins.errors import InputError


def embed_into(
    shards: Shards,
    embedder,
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
    skipped = []
    for start in range(0, len(files), ROWS):
        here = files[start : start + ROWS]
        rows, errors = embed_shard(embedder, [file.path for file in here], strict, done)
        model = embedder.model()
        if model.key != shards.key:
            raise InputError(
                f"the server now holds {model.name}; the embeddings so far are by "
                f"{shards.name}"
            )
        if len(rows):
            left_out = {error.index for error in errors}
            shards.add(rows, [f for i, f in enumerate(here) if i not in left_out])
        skipped += [(error.name, error.reason) for error in errors]
    return skipped


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
