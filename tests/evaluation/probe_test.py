import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from keras_twins.errors import InputError
from keras_twins.evaluation import probe, sgd


@pytest.fixture(autouse=True)
def one_thread():
    """On a busy machine, threads wait for one another at every small product."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(features))
    features, labels = features[order].astype(np.float32), labels[order]
    return features[:900], labels[:900], features[900:], labels[900:]


def test_as_good_as_a_cross_validated_regression(digits):
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_x, train_y, test_x, test_y = digits
    reference = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(
            max_iter=1000,
            scoring="accuracy",
            l1_ratios=(0.0,),
            use_legacy_attributes=False,
        ),
    ).fit(train_x, train_y)
    accuracy = probe.linear_probe(*digits)
    assert isinstance(accuracy, float)
    assert accuracy == pytest.approx(reference.score(test_x, test_y), abs=0.003)


def test_the_optimum_is_that_of_scikit_learn(digits):
    from sklearn.linear_model import LogisticRegression

    features, labels = digits[0] / 16, digits[1]
    mask = np.arange(len(labels)) % 3 > 0
    strength = 1e-2
    reference = LogisticRegression(
        C=1 / (strength * mask.sum()), tol=1e-8, max_iter=2000
    ).fit(features[mask].astype(np.float64), labels[mask])
    objective = probe._Objective(features, labels, 10, map)
    weights = objective.minimise(objective.zeros(), strength, mask)
    np.testing.assert_allclose(weights[:-1].T, reference.coef_, atol=5e-3)


def test_blocks_do_not_change_the_gradient(digits, monkeypatch):
    features, labels = digits[:2]
    objective = probe._Objective(features, labels, 10, map)
    weights = np.random.default_rng(0).normal(size=(65, 10)) / 100
    shares = np.full(len(labels), 1 / len(labels), np.float32)
    whole = objective._cross_entropy(weights, shares)
    monkeypatch.setattr(probe, "_ROWS", 37)
    blocks = objective._cross_entropy(weights, shares)
    assert blocks[0] == pytest.approx(whole[0], rel=1e-5)
    np.testing.assert_allclose(blocks[1], whole[1], atol=1e-5)


def test_the_unit_of_a_feature_does_not_matter(digits):
    train_x, train_y, test_x, test_y = digits
    units = 10.0 ** np.random.default_rng(0).integers(-3, 4, 64)
    scaled = probe.linear_probe(
        train_x[:300] * units + 5, train_y[:300], test_x * units + 5, test_y
    )
    plain = probe.linear_probe(train_x[:300], train_y[:300], test_x, test_y)
    assert scaled == pytest.approx(plain, abs=0.01)


def test_the_penalty_is_nearly_the_best_one():
    generator = np.random.default_rng(0)
    labels = np.arange(1500) % 2
    features = generator.normal(size=(1500, 150)).astype(np.float32)
    features += 0.15 * labels[:, np.newaxis]
    train, test = np.arange(1500) < 300, np.arange(1500) >= 300
    objective = probe._Objective(features, labels, 2, map)
    accuracies = []
    for strength in probe._STRENGTHS:
        weights = objective.minimise(objective.zeros(), strength, train)
        accuracies.append(objective.score(weights, test)[0] / test.sum())
    # Nearly no penalty is clearly worse, so that the choice matters.
    assert accuracies[-1] < max(accuracies) - 0.05
    accuracy = probe.linear_probe(
        features[train], labels[train], features[test], labels[test]
    )
    assert accuracy > max(accuracies) - 0.02


def test_the_same_seed_gives_the_same_accuracy(digits):
    train_x, train_y, test_x, test_y = digits
    few = train_x[:200], train_y[:200], test_x, test_y
    assert probe.linear_probe(*few, seed=3) == probe.linear_probe(*few, seed=3)


def test_a_class_of_one_image_is_no_failure(digits):
    train_x, train_y, test_x, test_y = digits
    rows = np.r_[np.flatnonzero(train_y != 9)[:150], np.flatnonzero(train_y == 9)[:1]]
    assert probe.linear_probe(train_x[rows], train_y[rows], test_x, test_y) > 0.7


def test_enough_is_held_out_but_no_image_twice():
    small = probe._held_out_parts(np.arange(100) % 10, 0)
    assert len(small) == 5 and np.all(np.sum(small, axis=0) == 1)
    for part in small:
        assert np.all(np.bincount(np.arange(100)[part] % 10) == 2)
    large = probe._held_out_parts(np.arange(10_000) % 10, 0)
    assert [part.sum() for part in large] == [2000]


def test_refuses_what_cannot_be_evaluated(digits):
    train_x, train_y, test_x, test_y = digits
    broken = train_x.copy()
    broken[7] = np.inf
    first = [np.flatnonzero(train_y == label)[0] for label in range(10)]
    cases = [
        ((broken, train_y, test_x, test_y), "1 of 900 rows"),
        ((train_x, train_y * 0, test_x, test_y * 0), "a single class"),
        ((train_x, train_y, test_x, test_y + 1), "other.s.: 10"),
        ((train_x[first], train_y[first], test_x, test_y), "one image of each"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            probe.linear_probe(*arguments)
    with pytest.raises(ValueError, match="width 64"):
        probe.linear_probe(train_x, train_y, test_x[:, :-1], test_y)


def test_few_labels_are_as_many_of_each_class():
    labels = np.array([3, 3, 3, 1, 1, 1, 1, 8, 8, 8] * 5)
    drawn = probe.few_labels(labels, 4, seed=1)
    assert drawn.dtype == np.int64
    assert np.all(np.diff(drawn) > 0)
    values, counts = np.unique(labels[drawn], return_counts=True)
    assert list(values) == [1, 3, 8] and list(counts) == [4, 4, 4]
    np.testing.assert_array_equal(drawn, probe.few_labels(labels, 4, seed=1))
    assert not np.array_equal(drawn, probe.few_labels(labels, 4, seed=2))


def test_few_labels_refuses_more_than_there_are():
    with pytest.raises(InputError, match="Class 1 .*1..2.*per_class=3"):
        probe.few_labels(np.array([0, 0, 0, 1, 1]), 3)


def test_the_protocol_of_the_papers_is_nearly_as_good(digits):
    accuracy = probe.linear_probe(*digits, protocol="sgd")
    assert accuracy == pytest.approx(probe.linear_probe(*digits), abs=0.03)
    assert accuracy == probe.linear_probe(*digits, protocol="sgd")
    with pytest.raises(ValueError, match="protocol='adam'"):
        probe.linear_probe(*digits, protocol="adam")


def test_the_gradient_of_the_papers_protocol_is_that_of_the_cross_entropy(digits):
    features, labels = digits[0][:50] / 16, digits[1][:50]
    objective = probe._Objective(features, labels, 10, map)
    weights = np.random.default_rng(0).normal(size=(65, 10)).astype(np.float32)
    shares = np.full(50, 1 / 50, np.float32)
    _, expected = objective._cross_entropy(weights, shares)
    ones = np.ones((50, 1), np.float32)
    found = sgd._gradient(np.hstack([features, ones]), labels, weights)
    np.testing.assert_allclose(found, expected, atol=1e-5)
