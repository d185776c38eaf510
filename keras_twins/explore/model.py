"""The model that embeds pictures which are dropped on the page."""

import numpy as np

from keras_twins.errors import InputError
from keras_twins.serving.client_images import ImageError
from keras_twins.serving.local import ExportedModel

# The model that made embeddings makes them again, but for rounding.
_SAME_COSINE = 0.99
# How many files of the collection are embedded again, and tried for that.
_COMPARED, _TRIED = 3, 30


def load(version_dir, embeddings, paths):
    """Loads an exported model, if it is the one that made the embeddings.

    Args:
        version_dir: path of the version's folder.
        embeddings: `(N, D)` float32 array.
        paths: list of N paths. Up to three of the files that are there are embedded
            again.

    Returns:
        function of the bytes of a picture that gives its embedding, `(1, D)`.

    Raises:
        InputError: for a folder without a model, and for a model that gives embeddings
            of another width, or other ones of all files that are compared.
    """
    model = ExportedModel(version_dir, batch_size=1)
    cosines = []
    step = max(1, len(paths) // _TRIED)
    for row in range(0, len(paths), step):
        try:
            embedded = model.embed([paths[row]])
        except ImageError:  # It has moved, or is no picture.
            continue
        if embedded.shape[1] != embeddings.shape[1]:
            raise InputError(
                f"--model_dir: {version_dir} gives embeddings of width "
                f"{embedded.shape[1]}; those of --embeddings have a width of "
                f"{embeddings.shape[1]}"
            )
        cosines.append(_cosine(embedded[0], embeddings[row]))
        if len(cosines) == _COMPARED or cosines[-1] >= _SAME_COSINE:
            break
    if cosines and max(cosines) < _SAME_COSINE:
        raise InputError(
            f"--model_dir: {version_dir} gives other embeddings than those of "
            f"--embeddings (cosine {max(cosines):.2f}, not 1): give the model that "
            "wrote them"
        )
    return lambda picture: model.embed([picture])


def _cosine(a, b):
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / max(lengths, np.finfo(np.float32).tiny))
