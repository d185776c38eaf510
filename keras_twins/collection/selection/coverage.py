"""Methods that need no labels: every part of the collection gets its label."""

import heapq

import numpy as np

from keras_twins.collection.selection import clustering, extra
from keras_twins.collection.selection.pool import NONE, Chosen

# Of a larger collection, MaxHerding compares so many files with one another.
_COMPARED = 5_000
# How fast its kernel falls with the cosine.
_KERNEL_WIDTH = 0.25


def k_means(pool, count):
    """The files nearest to the centres of clusters, the largest clusters first.

    There are as many clusters as files that are labelled by then. Those that hold a
    labelled file come last (Pourahmadi et al. 2021, arXiv 2110.12033, with labelled
    files as TypiClust takes them).
    """
    number = _clusters(pool, count)
    algorithm, settings = clustering.algorithm(len(pool.units), number)
    with clustering.no_warning_of_few_clusters():
        means = algorithm(number, random_state=pool.seed, **settings).fit(pool.units)
    clusters = means.labels_
    far = np.square(pool.units - means.cluster_centers_[clusters]).sum(axis=1)
    far[pool.covered] = np.inf
    sizes = np.bincount(clusters, minlength=number)
    covered = np.bincount(clusters[pool.covered], minlength=number)
    places, why, numbers = [], [], []
    for cluster in np.lexsort((-sizes, covered)):
        members = np.flatnonzero(clusters == cluster)
        if len(places) < count and np.isfinite(far[members]).any():
            places.append(int(members[np.argmin(far[members])]))
            why.append(f"the middle of a cluster of {sizes[cluster]:,}")
            numbers.append(int(cluster))
    return Chosen(places, why, numbers)


def typi_clust(pool, count):
    """The most typical files of the largest clusters without a labelled file.

    Hacohen et al. 2022, arXiv 2202.02794, as scikit-activeml has it.
    """
    number = _clusters(pool, count)
    algorithm, settings = clustering.algorithm(len(pool.units), number)
    strategy = extra.strategy(
        "TypiClust", pool.seed, cluster_algo=algorithm, cluster_algo_dict=settings
    )
    free = np.flatnonzero(~pool.covered)
    # It only asks which files have a label.
    labels = np.where(pool.covered, 0.0, np.nan)
    with clustering.no_warning_of_few_clusters():
        try:
            places = strategy.query(pool.units, labels, batch_size=count)
        except UnboundLocalError:
            # Version 1.0.1 raises it where files are so alike that the labels cover
            # every cluster. The files that are left are then clustered alone.
            own = strategy.query(pool.units[free], labels[free], batch_size=count)
            places = free[own]
    # Of a cluster that turned out empty, it gives a file for the second time.
    places = list(dict.fromkeys(int(place) for place in places))
    return Chosen(
        places,
        ["the most typical file of its cluster"] * len(places),
        [NONE] * len(places),
    )


def max_herding(pool, count):
    """The files that together leave the least of the collection without a like one.

    The greedy maximum of the mean, over the collection, of the largest kernel between
    a file and the labelled ones (Bae et al. 2024, arXiv 2407.12212). The kernel is
    exp((cosine - 1) / 0.25). Of a collection of more than 5,000 files, so
    many are drawn, to choose from and to cover.
    """
    generator = np.random.default_rng(pool.seed)
    free = np.flatnonzero(~pool.covered)
    places = np.sort(generator.permutation(free)[: max(_COMPARED, count)])
    units = pool.units[places]
    kernel = _kernel(units, units)
    best = np.zeros(len(places), np.float32)
    if pool.covered.any():
        best = _kernel(units, pool.units[pool.covered]).max(axis=1)
    # A gain only falls while files are chosen, so one that is still the largest after
    # it was computed anew is the largest of all.
    gains = [
        (-float(np.maximum(row - best, 0).sum()), i) for i, row in enumerate(kernel)
    ]
    heapq.heapify(gains)
    chosen, why = [], []
    while len(chosen) < count:
        _, i = heapq.heappop(gains)
        gain = float(np.maximum(kernel[i] - best, 0).sum())
        if gains and -gain > gains[0][0]:
            heapq.heappush(gains, (-gain, i))
            continue
        chosen.append(int(places[i]))
        best = np.maximum(best, kernel[i])
        why.append(f"brings the coverage to {best.mean():.3f}")
    return Chosen(chosen, why, [NONE] * count)


def _kernel(rows, others):
    kernel = rows @ others.T
    kernel -= 1
    kernel /= _KERNEL_WIDTH
    return np.exp(kernel, out=kernel)


def _clusters(pool, count):
    """A cluster for each file that is labelled by now, and one for each to choose."""
    return int(pool.covered.sum()) + count
