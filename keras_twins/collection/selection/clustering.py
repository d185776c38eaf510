"""k-means as the methods use it."""

import contextlib
import warnings

from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

# From so many files times clusters on, k-means sees the files in batches.
_BATCHES_FROM = 1_000_000
_BATCH = 4096


def algorithm(files: int, clusters: int) -> tuple[type, dict[str, int]]:
    """scikit-learn's k-means for so many files and clusters, and its settings."""
    if files * clusters < _BATCHES_FROM:
        return KMeans, {"n_init": 1, "max_iter": 50}
    return MiniBatchKMeans, {"n_init": 1, "batch_size": _BATCH}


@contextlib.contextmanager
def no_warning_of_few_clusters():
    """k-means warns where files are so alike that some clusters stay empty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
