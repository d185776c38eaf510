import numpy as np
import pytest

from keras_twins.errors import InputError
from keras_twins.evaluation import knn


def clusters(seed, count=300, classes=4, width=8):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    centres = np.random.default_rng(99).normal(size=(classes, width))
    features = centres[labels] + 1.5 * generator.normal(size=(count, width))
    return features.astype(np.float32), labels


def naive_scores(train_x, train_y, test_x, k, temperature):
    classes = np.unique(train_y)
    train = train_x.astype(np.float64)
    train /= np.linalg.norm(train, axis=1, keepdims=True)
    scores = np.zeros((len(test_x), len(classes)))
    for i, row in enumerate(test_x.astype(np.float64)):
        similarities = train @ (row / np.linalg.norm(row))
        for j in np.argsort(-similarities)[:k]:
            weight = np.exp(similarities[j] / temperature)
            scores[i, np.searchsorted(classes, train_y[j])] += weight
    return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k, temperature", [(1, 0.5), (20, 0.5), (300, 0.07)])
def test_scores_are_those_of_the_definition(k, temperature):
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    scores = knn.knn_predict(train_x, train_y, test_x, k, temperature)
    expected = naive_scores(train_x, train_y, test_x, k, temperature)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    accuracy = knn.knn_accuracy(train_x, train_y, test_x, test_y, k, temperature)
    assert accuracy == np.mean(expected.argmax(axis=1) == test_y)
    assert isinstance(accuracy, float)


def test_agrees_with_scikit_learn():
    from sklearn.neighbors import KNeighborsClassifier

    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 200)
    reference = KNeighborsClassifier(
        25,
        algorithm="brute",
        metric="cosine",
        weights=lambda distances: np.exp((1.0 - distances) / 0.1),
    ).fit(train_x, train_y)
    np.testing.assert_allclose(
        knn.knn_predict(train_x, train_y, test_x, 25, 0.1),
        reference.predict_proba(test_x),
        atol=1e-4,
    )
    accuracy = knn.knn_accuracy(train_x, train_y, test_x, test_y, 25, 0.1)
    assert accuracy == reference.score(test_x, test_y)


@pytest.mark.parametrize("rows", [1, 40, 70])
def test_blocks_do_not_change_the_result(monkeypatch, rows):
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    whole = knn.knn_predict(train_x, train_y, test_x, 20)
    accuracy = knn.knn_accuracy(train_x, train_y, test_x, test_y, 20)
    monkeypatch.setattr(knn, "_ROWS_AT_A_TIME", rows)
    blocks = knn.knn_predict(train_x, train_y, test_x, 20)
    np.testing.assert_array_equal(blocks, whole)
    assert knn.knn_accuracy(train_x, train_y, test_x, test_y, 20) == accuracy


def test_the_length_of_a_feature_does_not_matter():
    train_x, train_y = clusters(0)
    test_x, _ = clusters(1, 50)
    lengths = np.logspace(-30, 30, 300)[:, np.newaxis].astype(np.float32)
    np.testing.assert_allclose(
        knn.knn_predict(train_x * lengths, train_y, test_x, 20),
        knn.knn_predict(train_x, train_y, test_x, 20),
        atol=1e-5,
    )


def test_a_tiny_temperature_is_the_nearest_neighbour():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    nearest = knn.knn_accuracy(train_x, train_y, test_x, test_y, k=1)
    assert knn.knn_accuracy(train_x, train_y, test_x, test_y, 50, 1e-6) == nearest


def test_the_features_of_a_class_may_lie_in_another_order():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    order = np.random.default_rng(2).permutation(len(train_x))
    arguments = test_x, test_y, 20
    assert knn.knn_accuracy(train_x[order], train_y[order], *arguments) == (
        knn.knn_accuracy(train_x, train_y, *arguments)
    )


def test_labels_may_be_any_integers_or_names():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    expected = knn.knn_accuracy(train_x, train_y, test_x, test_y, 20)
    names = np.array([-5, 12, 7, 1000])
    accuracy = knn.knn_accuracy(train_x, names[train_y], test_x, names[test_y], 20)
    assert accuracy == expected
    names = np.array(["b", "a", "d", "c"])
    accuracy = knn.knn_accuracy(train_x, names[train_y], test_x, names[test_y], 20)
    assert accuracy == expected


def test_top_counts_a_class_among_the_best():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    order = np.argsort(-naive_scores(train_x, train_y, test_x, 20, 0.5), axis=1)
    for top in (1, 2, 4):
        expected = np.mean((order[:, :top] == test_y[:, np.newaxis]).any(axis=1))
        accuracy = knn.knn_accuracy(train_x, train_y, test_x, test_y, 20, top=top)
        assert accuracy == expected
    assert accuracy == 1.0


def test_features_that_are_all_the_same_are_no_failure():
    labels = np.array([0, 0, 1])
    scores = knn.knn_predict(np.zeros((3, 4)), labels, np.zeros((2, 4)), k=3)
    np.testing.assert_allclose(scores, [[2 / 3, 1 / 3]] * 2, rtol=1e-6)


def test_refuses_what_cannot_be_evaluated():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    broken = train_x.copy()
    broken[[3, 5], 1] = np.nan, np.inf
    cases = [
        ((broken, train_y, test_x, test_y), "2 of 300 rows"),
        ((train_x, train_y * 0, test_x, test_y * 0), "a single class"),
        ((train_x, train_y, test_x, test_y + 3), "other.s.: 4, 5, 6"),
        ((train_x[:100], train_y[:100], test_x, test_y), "k=200.*Received: 100"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            knn.knn_accuracy(*arguments)


def test_refuses_shapes_and_settings_that_make_no_sense():
    train_x, train_y = clusters(0)
    test_x, test_y = clusters(1, 70)
    cases = [
        ((train_x, train_y, test_x[:, :3], test_y), {}, "width 8"),
        ((train_x, train_y[:-1], test_x, test_y), {}, r"shape of \(300,\)"),
        ((train_x, train_y, test_x, test_y[:, None]), {}, r"shape of \(70,\)"),
        ((train_x[0], train_y, test_x, test_y), {}, "must be a matrix"),
        ((train_x, train_y, test_x[:0], test_y[:0]), {}, "must be a matrix"),
        ((train_x, train_y, test_x, test_y), {"k": 0}, "k=0"),
        ((train_x, train_y, test_x, test_y), {"temperature": 0}, "temperature=0"),
        ((train_x, train_y, test_x, test_y), {"top": 5}, "top=5"),
    ]
    for arguments, settings, message in cases:
        with pytest.raises(ValueError, match=message):
            knn.knn_accuracy(*arguments, **settings)
