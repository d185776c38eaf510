"""The map of embeddings."""

import sys

import numpy as np
import pytest

from keras_twins.report import embedding_map


def clusters(rng, count=60):
    """Embeddings of three classes that lie in three directions."""
    labels = np.arange(count) % 3
    return 5.0 * np.eye(3, 8)[labels] + 0.1 * rng.normal(size=(count, 8)), labels


def assert_classes_lie_together(points, labels):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(labels[distances.argmin(axis=1)] == labels) > 0.95


def test_umap_keeps_classes_together(rng):
    pytest.importorskip("umap", reason="umap-learn, of the extra `report`, is missing")
    features, labels = clusters(rng)
    points, method = embedding_map.project(features)
    assert method == "UMAP" and points.shape == (60, 2)
    assert_classes_lie_together(points, labels)
    np.testing.assert_array_equal(points, embedding_map.project(features)[0])


def test_without_umap_it_is_pca(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    features, labels = clusters(rng)
    points, method = embedding_map.project(features)
    assert method == "PCA"
    assert_classes_lie_together(points, labels)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-9)
    # The axes are uncorrelated, the first one the longer one.
    covariance = np.cov(points.T)
    assert abs(covariance[0, 1]) < 1e-9 and covariance[0, 0] >= covariance[1, 1]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_images_have_a_map(rng, count):
    points, method = embedding_map.project(rng.normal(size=(count, 4)))
    assert method == "PCA" and points.shape == (count, 2)
    assert np.isfinite(points).all()
