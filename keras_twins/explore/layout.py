"""Where the points of a collection lie on its map, and the file that keeps it."""

import hashlib
import pathlib
import zipfile

import numpy as np

from keras_twins import files, progress
from keras_twins.collection import Neighbours
from keras_twins.report import embedding_map

# UMAP places so many; each of the others goes between the nearest of these.
_SAMPLE = 20_000
_NEAREST = 5
_ROWS_AT_A_TIME = 8_192
# Changes whenever a map would come out differently.
_VERSION = b"1"


def read_or_make(embeddings, path, seed=0):
    """The map of embeddings: from its file, or made and written to it.

    Args:
        embeddings: `(N, D)` float32 array without NaN.
        path: path of the file that keeps the map. It is written anew where it is of
            other embeddings, and not at all where its folder takes no file.
        seed: int.

    Returns:
        `(N, 2)` float32 array; the name of the method, "UMAP" or "PCA"; and a str, the
        same for the same embeddings alone.
    """
    path = pathlib.Path(path)
    key = fingerprint(embeddings)
    kept = _read(path, key)
    if kept is not None:
        return *kept, key
    points, method = make(embeddings, seed)
    try:
        with files.whole(path) as beside, beside.open("wb") as file:
            np.savez(file, points=points, method=method, key=key)
    except OSError as error:
        progress.say(f"the map is not kept: {path}: {error.strerror}")
    return points, method, key


def make(embeddings, seed=0):
    """Places embeddings on a plane.

    `keras_twins.report.embedding_map.project` places up to 20,000 of them. Each of the
    others goes to the mean of the five nearest of these, weighted by the inverse of
    their distance.

    Args:
        embeddings: `(N, D)` float array without NaN.
        seed: int, which decides on the sample and on the map.

    Returns:
        `(N, 2)` float32 array and the name of the method.
    """
    count = len(embeddings)
    if count <= _SAMPLE:
        chosen = np.arange(count)
    else:
        chosen = np.random.default_rng(seed).choice(count, _SAMPLE, replace=False)
        chosen.sort()
    sample = np.asarray(embeddings[chosen], np.float32)
    with progress.stage(f"explore: making the map of {len(chosen):,} embeddings"):
        placed, method = embedding_map.project(sample, seed)
    points = np.empty((count, 2), np.float32)
    points[chosen] = placed
    others = np.setdiff1d(np.arange(count), chosen, assume_unique=True)
    with progress.bar("explore: placing the others", len(others), "embeddings") as bar:
        for start in range(0, len(others), _ROWS_AT_A_TIME):
            rows = others[start : start + _ROWS_AT_A_TIME]
            points[rows] = _between(embeddings[rows], sample, placed)
            bar.update(len(rows))
    return points, method


def fingerprint(embeddings):
    """Text that is the same for the same embeddings alone."""
    digest = hashlib.blake2b(_VERSION, digest_size=16)
    digest.update(repr((embeddings.shape, embeddings.dtype.str)).encode())
    for start in range(0, len(embeddings), 65_536):
        digest.update(np.ascontiguousarray(embeddings[start : start + 65_536]).data)
    return digest.hexdigest()


def _between(rows, sample, placed):
    near, cosines = Neighbours(sample).search(rows, min(_NEAREST, len(sample)))
    weights = 1.0 / (np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0)) + 1e-3)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", weights, placed[near])


def _read(path, key):
    try:
        with open(path, "rb") as file, np.load(file) as kept:
            if str(kept["key"]) == key:
                return kept["points"], str(kept["method"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # There is none, or another program's.
    return None
