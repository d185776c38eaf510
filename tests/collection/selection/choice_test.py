"""What every method of `select` promises, and what `select` refuses."""

import numpy as np
import pytest

from keras_twins.collection import select
from keras_twins.collection.selection import (
    METHODS,
    choice,
    clustering,
    coverage,
    uncertainty,
)
from keras_twins.collection.selection.head import linear_head, standardised
from keras_twins.collection.selection.pool import Pool, unit
from keras_twins.errors import InputError

_CLUSTERS, _EACH = 6, 30


@pytest.fixture(scope="module")
def clusters():
    """Embeddings in six tight clusters of thirty, and the cluster of each."""
    rng = np.random.default_rng(0)
    centres = 4 * np.eye(8)[:_CLUSTERS]
    numbers = np.repeat(np.arange(_CLUSTERS), _EACH)
    rows = centres[numbers] + rng.normal(scale=0.4, size=(len(numbers), 8))
    order = rng.permutation(len(numbers))
    return rows[order].astype(np.float32), numbers[order]


def labels_for(method, classes, count=12):
    """Some labels for a method that needs them, and none for another."""
    labels = np.full(len(classes), -1)
    if METHODS[method].labels:
        rows = np.random.default_rng(1).permutation(len(classes))[:count]
        labels[rows] = classes[rows]
    return labels


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_answer(clusters, method):
    rows, classes = clusters
    labels = labels_for(method, classes)
    first, again = (
        select(rows, 9, method=method, labelled=labels, seed=3) for _ in range(2)
    )
    np.testing.assert_array_equal(first.rows, again.rows)
    assert first.why == again.why and len(first.why) == len(first.clusters) == 9


@pytest.mark.parametrize("method", METHODS)
def test_of_many_files_some_are_drawn_and_all_labels_count(
    clusters, method, monkeypatch
):
    rows, classes = clusters
    labels = labels_for(method, classes)
    monkeypatch.setattr(choice, "_MOST", 20)
    found = select(rows, 30, method=method, labelled=labels)
    free = len(rows) - int((labels >= 0).sum())
    assert f"chosen among 20 of {free} files, drawn at random" in found.notes
    assert len(found.rows) == 20 and (labels[found.rows] < 0).all()
    # What is drawn is another part of the collection with another seed.
    again = select(rows, 30, method=method, labelled=labels, seed=1)
    assert set(again.rows) != set(found.rows)


@pytest.mark.parametrize("method", METHODS)
def test_a_labelled_file_is_not_chosen(clusters, method):
    rows, classes = clusters
    labels = np.full(len(rows), -1)
    labels[: len(rows) - 10] = classes[: len(rows) - 10]
    chosen = select(rows, 10, method=method, labelled=labels)
    assert set(chosen.rows) == set(range(len(rows) - 10, len(rows)))


@pytest.mark.parametrize("method", METHODS)
def test_only_files_that_may_be_chosen_are(clusters, method):
    rows, classes = clusters
    among = np.zeros(len(rows), bool)
    among[100:130] = True
    labels = labels_for(method, classes)
    chosen = select(rows, 8, method=method, labelled=labels, among=among)
    assert set(chosen.rows) <= set(range(100, 130)) - set(np.flatnonzero(labels >= 0))


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_never_chosen(clusters, method):
    rows, classes = clusters
    rows, classes = np.tile(rows[:20], (5, 1)), np.tile(classes[:20], 5)
    # Up to rounding: what another batch size does to an embedding, and more.
    rows[20:] *= 1 + 3e-5 * np.random.default_rng(2).normal(size=rows[20:].shape)
    labels = np.full(len(rows), -1)
    labels[:6] = classes[:6]
    chosen = select(rows, 100, method=method, labelled=labels)
    assert sorted(chosen.rows % 20) == list(range(6, 20))
    assert any("100 were asked for; there are 14" in note for note in chosen.notes)


@pytest.mark.parametrize("method", METHODS)
def test_a_count_above_the_collection_gives_all_of_it_once(clusters, method):
    rows, classes = clusters
    labels = labels_for(method, classes)
    chosen = select(rows, len(rows) + 5, method=method, labelled=labels)
    assert set(chosen.rows) == set(np.flatnonzero(labels < 0))
    assert len(chosen.rows) == (labels < 0).sum()


@pytest.mark.parametrize("method", [m for m in METHODS if not METHODS[m].labels])
def test_coverage_reaches_every_cluster(clusters, method):
    rows, classes = clusters
    chosen = select(rows, _CLUSTERS, method=method)
    assert set(classes[chosen.rows]) == set(range(_CLUSTERS))
    # What is labelled already is not asked for again.
    labels = np.full(len(rows), -1)
    labels[chosen.rows[:4]] = classes[chosen.rows[:4]]
    rest = select(rows, 2, method=method, labelled=labels)
    assert set(classes[rest.rows]) == set(classes[chosen.rows[4:]])


@pytest.mark.parametrize("method", ["k-means", "typiclust", "dropquery"])
def test_k_means_in_batches_keeps_the_promises(clusters, method, monkeypatch):
    monkeypatch.setattr(clustering, "_BATCHES_FROM", 0)
    rows, classes = clusters
    labels = labels_for(method, classes)
    first, again = (select(rows, 30, method=method, labelled=labels) for _ in range(2))
    np.testing.assert_array_equal(first.rows, again.rows)
    assert len(set(first.rows)) == 30 and not (labels[first.rows] >= 0).any()


def test_badge_draws_by_the_products_that_it_does_not_build():
    """Of two far gradients, the first is the longest and the next the farthest."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3))
    labels = np.full(40, -1)
    labels[:6] = np.arange(6) % 3
    pool = Pool(unit(rows), labels, labels >= 0, seed=0)
    features = standardised(pool.units)
    head = linear_head().fit(features[:6], labels[:6])
    errors = head.predict_proba(features[6:])
    errors[np.arange(34), errors.argmax(axis=1)] -= 1
    gradients = np.einsum("nc,nd->ncd", errors, features[6:]).reshape(34, -1)
    longest = np.argmax(np.square(gradients).sum(axis=1))
    far = np.square(gradients - gradients[longest]).sum(axis=1)
    drawn = np.random.default_rng(0).choice(34, p=far / far.sum())
    assert uncertainty.badge(pool, 2).places == [6 + longest, 6 + drawn]


def test_maxherding_is_the_greedy_maximum():
    units = unit(np.random.default_rng(0).normal(size=(60, 4)))
    covered = np.arange(60) < 3
    pool = Pool(units, np.where(covered, 0, -1), covered, seed=0)
    kernel = np.exp((units[3:] @ units.T - 1) / 0.25)
    best, expected = kernel[:, :3].max(axis=1), []
    for _ in range(5):
        gains = np.maximum(kernel[:, 3:] - best[:, None], 0).sum(axis=0)
        expected.append(3 + int(np.argmax(gains)))
        best = np.maximum(best, kernel[:, expected[-1]])
    assert coverage.max_herding(pool, 5).places == expected


def test_margin_asks_between_the_classes():
    x = np.linspace(-1, 1, 41)
    rows = np.stack([x, np.ones_like(x)], 1)
    labels = np.full(41, -1)
    labels[[0, 40]] = 0, 1
    chosen = select(rows, 3, method="margin", labelled=labels)
    assert set(chosen.rows) == {19, 20, 21}


def test_auto_covers_first_and_asks_later(clusters):
    rows, classes = clusters
    labels = np.full(len(rows), -1)
    assert select(rows, 2, labelled=labels).method == "k-means"
    labels[:39] = classes[:39]
    assert select(rows, 2, labelled=labels).method == "k-means"
    labels[39] = classes[39]
    assert select(rows, 2, labelled=labels).method == "margin"
    labels[:40] = 0  # One class teaches nothing.
    assert select(rows, 2, labelled=labels).method == "k-means"


def test_a_doubt_is_told_where_near_files_do_not_agree(clusters):
    rows, classes = clusters
    labels = np.full(len(rows), -1)
    labels[:60] = classes[:60]
    assert select(rows, 2, labelled=labels).notes == []
    labels[:60] = np.random.default_rng(0).integers(0, 6, 60)
    [note] = select(rows, 2, labelled=labels).notes
    assert note.startswith("a choice is not expected to help: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.full((3, 2), np.nan)}, "Received: 3 of 3 rows"),
        ({"method": "margin"}, "Received: 0 labels of 0 classes"),
        ({"method": "badge", "labelled": [1, 1, -1]}, "2 labels of 1 class$"),
        ({"labelled": [0, 1, 2]}, "no file to choose.*3 files, 3 of them labelled"),
        ({"among": [False] * 3}, "no file to choose.*3 files, 0 of them labelled"),
    ],
)
def test_what_a_user_gives_wrong_is_one_line(change, message):
    arguments = {"embeddings": np.eye(3), "count": 1} | change
    with pytest.raises(InputError, match=message) as error:
        select(arguments.pop("embeddings"), arguments.pop("count"), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.zeros(3)}, "must be a matrix"),
        ({"count": 0}, "`count`"),
        ({"method": "best"}, "auto, k-means"),
        ({"labelled": [1]}, "`labelled`"),
        ({"among": [True]}, "`among`"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    arguments = {"embeddings": np.eye(3), "count": 1} | change
    with pytest.raises(ValueError, match=message):
        select(arguments.pop("embeddings"), arguments.pop("count"), **arguments)
