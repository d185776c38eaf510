"""Accuracies over folds: means and deviations of what the measures say of each."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_twins.evaluation import folds, knn_accuracy, linear_probe, table

SETTINGS = {"k": 5, "temperature": 0.5, "standardise": True}
FOLDS = list("abc") * 20


@pytest.fixture(scope="module")
def features():
    """Three classes; a feature of large numbers says nothing of them."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 4 % 3
    signal = generator.normal(size=(60, 6)) + 1.5 * np.eye(6)[labels]
    signal[:, 5] = generator.normal(5, 50, 60)
    return signal.astype(np.float32), labels.astype(np.int64)


def test_rows_are_means_and_deviations_of_each_fold(features):
    x, y = features
    division = folds.by_column("fold", FOLDS)
    first, row = folds.compare_divided({"x": x}, y, division, **SETTINGS)
    knn, linear = [], []
    for fold in "abc":
        test = np.array(FOLDS) == fold
        mean, std = x[~test].mean(axis=0), x[~test].std(axis=0)
        z = (x - mean) / std
        knn.append(knn_accuracy(z[~test], y[~test], z[test], y[test], 5, 0.5))
        linear.append(linear_probe(x[~test], y[~test], x[test], y[test]))
    assert row.knn == pytest.approx(np.mean(knn))
    assert row.knn_deviation == pytest.approx(np.std(knn, ddof=1))
    assert row.linear_probe == pytest.approx(np.mean(linear))
    assert row.linear_probe_deviation == pytest.approx(np.std(linear, ddof=1))
    assert first.name == "most frequent class"
    # Without it, the large feature decides who is near.
    _, raw = folds.compare_divided(
        {"x": x}, y, division, **SETTINGS | {"standardise": False}
    )
    assert raw.knn < row.knn


def test_the_table_has_deviations_and_no_empty_column(features):
    x, y = features
    rows = folds.compare_divided(
        {"x": x}, y, folds.by_column("fold", FOLDS), **SETTINGS
    )
    header, *body = table.cells([dataclasses.asdict(row) for row in rows])
    assert header == ["features", "kNN (k 5)", "linear probe"]
    assert all(" ± " in cell for line in body for cell in line[1:])
    one = folds.Division("split", [np.arange(60) < 20])
    rows = folds.compare_divided({"x": x}, y, one, **SETTINGS)
    _, *body = table.cells([dataclasses.asdict(row) for row in rows])
    assert not any(" ± " in cell for line in body for cell in line[1:])


def test_what_cannot_be_measured_is_a_row_with_its_reason(features):
    x, y = features
    broken = np.where(np.arange(60)[:, None] == 3, np.nan, x)
    division = folds.by_column("fold", FOLDS)
    found = folds.compare_divided({"bad": broken, "good": x}, y, division, **SETTINGS)
    assert [row.knn is None for row in found] == [False, True, False]
    assert "not finite" in found[1].reasons["knn"]
    # A class with recordings of one speaker alone is not known to the others.
    of_one = np.where(np.array(FOLDS) == "a", 7, y)
    rows = folds.compare_divided({"x": x}, of_one, division, **SETTINGS)
    assert any("without a training image: left out" in note for note in rows[1].notes)


def test_raw_statistics_are_mean_and_deviation_over_time(rng):
    log_mels = rng.normal(size=(2, 5, 30, 1)).astype(np.float32)
    found = folds.raw_statistics(tf.constant(log_mels))
    expected = [log_mels[..., 0].mean(axis=2), log_mels[..., 0].std(axis=2)]
    np.testing.assert_allclose(found, np.concatenate(expected, 1), atol=1e-5)
