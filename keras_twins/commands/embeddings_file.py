"""The file of embeddings that `--embeddings` names."""

import os

import numpy as np

from keras_twins import collection, listing
from keras_twins.errors import InputError


def read(path):
    """Reads embeddings whose images have names.

    Args:
        path: path of a file of `keras-twins embed`, or of a folder of shards.

    Returns:
        `keras_twins.collection.Embeddings` with paths.

    Raises:
        InputError: naming the flag, for a file without embeddings or paths.
    """
    try:
        found = collection.read(path)
    except InputError as error:
        raise InputError(f"--embeddings={error}") from error
    if found.paths is None:
        raise InputError(f"--embeddings={path} has no paths of images")
    return found


def read_finite(path):
    """Reads the same where no row may hold NaN or infinity.

    Raises:
        InputError: naming the flag, as `read`, or for such rows.
    """
    found = read(path)
    wrong = sum(
        int((~np.isfinite(found.embeddings[start : start + 65_536])).any(axis=1).sum())
        for start in range(0, len(found.embeddings), 65_536)
    )
    if wrong:
        raise InputError(
            f"--embeddings={path}: {wrong} of {len(found.embeddings)} rows hold NaN or "
            "infinity; embed these files again"
        )
    return found


def to_choose(paths):
    """Which files can be looked at, and so be chosen.

    Args:
        paths: list of N str.

    Returns:
        `(N,)` bool array, the files that are there; all where none is. And a list of
        sentences on the others.
    """
    there = np.array([os.path.exists(path) for path in paths])
    moved = listing.counted(len(paths) - int(there.sum()), "file")
    if there.all():
        return there, []
    if there.any():
        return there, [f"{moved} of {len(paths):,} no longer there: not chosen"]
    return ~there, [f"{moved} no longer there: chosen by their embeddings alone"]
