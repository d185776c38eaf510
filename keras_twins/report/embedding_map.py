"""Where images lie beside one another: a map in two dimensions."""

import warnings

import numpy as np

from keras_twins.collection import Neighbours

# Fewer points make no neighbourhoods that UMAP could keep.
_FEWEST = 32
_NEIGHBOURS = 15


def project(features, seed=0):
    """Puts embeddings on a plane.

    With UMAP (McInnes et al. 2018, arXiv 1802.03426) on cosine distances where
    umap-learn is installed and there are 32 images or more; else with the two principal
    components of the L2-normalised embeddings.

    Args:
        features: `(N, D)` array, N of 1 or more.
        seed: int.

    Returns:
        `(N, 2)` float array and the name of the method, "UMAP" or "PCA".
    """
    normalised = _normalise(features)
    if len(features) >= _FEWEST:
        try:
            import umap
        except ImportError:
            pass
        else:
            return _umap(umap, normalised, seed), "UMAP"
    centred = normalised - normalised.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(features), 2))
    shown = min(2, len(values))
    points[:, :shown] = left[:, :shown] * values[:shown]
    return points, "PCA"


def _normalise(features):
    features = np.asarray(features, np.float64)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(norms, np.finfo(np.float64).tiny)


def _umap(umap, features, seed):
    features = features.astype(np.float32)
    # UMAP would search as well, by code that each process compiles anew: that takes as
    # long as all the rest of the map.
    rows, cosines = Neighbours(features).search(features, _NEIGHBOURS)
    distances = np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0))
    with warnings.catch_warnings():
        # A seed means one thread, points alone in their corner, and neighbours without
        # an index for further points: all are meant.
        warnings.simplefilter("ignore")
        return umap.UMAP(
            n_neighbors=_NEIGHBOURS,
            min_dist=0.1,
            metric="euclidean",
            random_state=seed,
            precomputed_knn=(rows, distances),
        ).fit_transform(features)
