"""Methods that ask for what a linear head on the labels so far is unsure of."""

import numpy as np

from keras_twins.collection.selection import clustering, extra
from keras_twins.collection.selection.head import linear_head, standardised
from keras_twins.collection.selection.pool import NONE, Chosen


def margin(pool, count):
    """The files whose two likeliest classes are nearly as likely."""
    places, _, shares = _predicted(pool)
    two = np.sort(np.partition(shares, -2, axis=1)[:, -2:], axis=1)
    differences = two[:, 1] - two[:, 0]
    best = np.argsort(differences, kind="stable")[:count]
    why = [f"its two likeliest classes differ by {differences[i]:.3f}" for i in best]
    return _chosen(places[best], why)


def badge(pool, count):
    """Files for which the head's gradient is large, and unlike one another's.

    The gradient of the last layer, under the predicted class, is the outer product of
    `shares - onehot(predicted)` and the features. k-means++ draws from these (Ash et
    al. 2020, arXiv 1906.03671). The product of two such gradients is the
    product of the products of their factors, so no outer product is built.
    """
    places, features, shares = _predicted(pool)
    errors = shares.copy()
    errors[np.arange(len(errors)), np.argmax(shares, axis=1)] -= 1
    lengths = np.square(errors).sum(axis=1) * np.square(features).sum(axis=1)
    generator = np.random.default_rng(pool.seed)
    chosen = [int(np.argmax(lengths))]
    far = np.full(len(places), np.inf)
    while len(chosen) < count:
        last = chosen[-1]
        products = (errors @ errors[last]) * (features @ features[last])
        far = np.minimum(far, np.maximum(lengths + lengths[last] - 2 * products, 0))
        far[chosen] = 0
        total = far.sum(dtype=np.float64)
        if not total > 0:
            break
        chosen.append(int(generator.choice(len(far), p=far / total)))
    why = [f"the head gives its likeliest class {shares[i].max():.2f}" for i in chosen]
    return _chosen(places[chosen], why)


def drop_query(pool, count):
    """Middles of clusters of files whose class changes when features are dropped.

    Gupte et al. 2024, arXiv 2401.14555, as scikit-activeml has it.
    """
    candidates = np.flatnonzero(~pool.covered)
    algorithm, settings = clustering.algorithm(len(candidates), count)
    # Its own seed does not reach k-means.
    settings["random_state"] = pool.seed
    strategy = extra.strategy(
        "DropQuery", pool.seed, cluster_algo=algorithm, cluster_algo_dict=settings
    )
    with clustering.no_warning_of_few_clusters():
        chosen = strategy.query(
            standardised(pool.units),
            np.where(pool.labels == NONE, np.nan, pool.labels),
            extra.classifier(linear_head(), pool.labels),
            candidates=candidates,
            batch_size=count,
        )
    return _chosen(chosen, ["its class changes when features are dropped"] * count)


def _predicted(pool):
    """The places that may be chosen, their features, and the head's shares for them."""
    features = standardised(pool.units)
    labelled = pool.labels != NONE
    head = linear_head().fit(features[labelled], pool.labels[labelled])
    places = np.flatnonzero(~pool.covered)
    return places, features[places], head.predict_proba(features[places])


def _chosen(places, why):
    return Chosen([int(place) for place in places], why, [NONE] * len(places))
