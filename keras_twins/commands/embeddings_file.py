"""The file of embeddings that `--embeddings` names."""

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
