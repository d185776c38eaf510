"""Methods that need no labels: every part of the collection gets its label."""

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans

from keras_twins.collection.selection.pool import Chosen

# From so many files times clusters on, k-means sees the files in batches.
_BATCHES_FROM = 3_000_000
_BATCH = 4096


def k_means(pool, count):
    """The files nearest to the centres of clusters, the largest clusters first.

    There are as many clusters as files that are labelled or chosen now, and those that
    hold a labelled file come last (Pourahmadi et al. 2021, arXiv 2110.12033, section 3;
    the clusters of labelled files as in TypiClust).
    """
    means = clustering(len(pool.units), int(pool.covered.sum()) + count, pool.seed)
    clusters = means.fit_predict(pool.units)
    far = np.square(pool.units - means.cluster_centers_[clusters]).sum(axis=1)
    far[pool.covered] = np.inf
    sizes = np.bincount(clusters, minlength=means.n_clusters)
    labelled = np.bincount(clusters[pool.covered], minlength=means.n_clusters)
    places, why, numbers = [], [], []
    for cluster in np.lexsort((-sizes, labelled)):
        members = np.flatnonzero(clusters == cluster)
        if len(places) == count:
            break
        if len(members) and np.isfinite(far[members]).any():
            places.append(int(members[np.argmin(far[members])]))
            why.append(f"the middle of a cluster of {sizes[cluster]:,}")
            numbers.append(int(cluster))
    return Chosen(places, why, numbers)


def clustering(files, clusters, seed):
    """k-means of a number of files into a number of clusters, not yet fitted."""
    if files * clusters < _BATCHES_FROM:
        return KMeans(clusters, n_init=1, max_iter=50, random_state=seed)
    return MiniBatchKMeans(clusters, batch_size=_BATCH, n_init=1, random_state=seed)
