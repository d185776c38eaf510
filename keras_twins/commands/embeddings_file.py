"""The file of embeddings that `--embeddings` names."""

import numpy as np

from keras_twins import collection
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
