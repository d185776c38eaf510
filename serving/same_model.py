"""Whether a model is the one that made some embeddings."""

import itertools
import os

import numpy as np

from keras_twins.errors import InputError
from keras_twins.serving.client_errors import EmbeddingError

# Another processor, decoder or precision turns an embedding by a few degrees: float16
# and bfloat16 keep cosines of 0.999. Another model turns nearly all of them by more
# than the 8 degrees that this cosine allows.
_SAME = 0.99
# How many files of the collection are embedded again, and how many are looked for.
_COMPARED, _LOOKED_AT = 3, 1000


def check(embedder, name, found, where):
    """Refuses a model that did not make some embeddings.

    Up to three of the files that are there are embedded again; it suffices that one of
    them has not changed since. Where no file is there, only the width can tell.

    Args:
        embedder: `keras_twins.serving.embedder.Embedder`.
        name: str, what messages call the model.
        found: `keras_twins.collection.Embeddings` with paths.
        where: str, what messages call the embeddings: the flag and its value.

    Raises:
        InputError: for a model that gives embeddings of another width, or other ones of
            all files that are compared.
    """
    width = embedder.embed([embedder.input().plain]).shape[1]
    if width != found.embeddings.shape[1]:
        raise InputError(
            f"{name} gives embeddings of width {width}; those of {where} have a width "
            f"of {found.embeddings.shape[1]}"
        )
    cosines = list(_cosines(embedder, found))
    if cosines and max(cosines) < _SAME:
        raise InputError(
            f"{name} is not the model of {where}: it gives {len(cosines)} of its files "
            f"other embeddings (cosine {max(cosines):.2f} at most); give the model "
            "that wrote them"
        )


def _cosines(embedder, found):
    """How alike new embeddings of some files are to those that are kept."""
    count = len(found.paths)
    rows = np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)
    there = (row for row in rows if os.path.isfile(found.paths[row]))
    for row in itertools.islice(there, _COMPARED):
        try:
            (again,) = embedder.embed([found.paths[row]])
        except EmbeddingError:
            continue  # It has become another file.
        kept = found.embeddings[row]
        lengths = np.linalg.norm(again) * np.linalg.norm(kept)
        yield float(again @ kept / max(lengths, np.finfo(np.float32).tiny))
