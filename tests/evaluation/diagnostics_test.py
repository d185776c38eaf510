import math

import numpy as np
import pytest
import scipy.special
from sklearn.datasets import load_digits

from keras_twins import losses
from keras_twins.evaluation import diagnostics


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_embedding_std_is_one_where_even_and_zero_where_collapsed():
    axes = np.concatenate([np.eye(4), -np.eye(4)])
    # Each feature is ±1 in 2 of 8 rows: a variance of 1/4, times √4.
    assert diagnostics.embedding_std(3 * axes) == pytest.approx(1.0)
    assert diagnostics.embedding_std(np.ones((5, 4)) * 7) == pytest.approx(0.0)
    # Rays of one direction are one point of the sphere.
    assert diagnostics.embedding_std([[1, 2], [2, 4]]) == pytest.approx(0.0)


def test_effective_rank_of_known_singular_values():
    assert diagnostics.effective_rank(np.eye(5)) == pytest.approx(5.0)
    line = np.outer([1, -2, 3], [1, 1])
    assert diagnostics.effective_rank(line) == pytest.approx(1.0)
    # Not centred: the same point again and again is a line, not nothing.
    assert diagnostics.effective_rank(np.ones((4, 3))) == pytest.approx(1.0)
    # Singular values 3 and 1: shares 3/4 and 1/4.
    expected = math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    wide = np.array([[3.0, 0, 0], [0, 1.0, 0]])
    assert diagnostics.effective_rank(wide) == pytest.approx(expected)
    assert diagnostics.effective_rank(wide.T) == pytest.approx(expected)


def test_covariance_spectrum_of_known_variances():
    # Variances 1 and 9 along the diagonals, none along the third axis.
    z = np.array([[1, 1, 0], [-1, -1, 0], [3, -3, 0], [-3, 3, 0]]) / math.sqrt(2) + 7.0
    np.testing.assert_allclose(
        diagnostics.covariance_spectrum(z), [4.5, 0.5, 0.0], atol=1e-12
    )
    z = normal(0, 50, 6)
    spectrum = diagnostics.covariance_spectrum(z)
    assert np.all(np.diff(spectrum) <= 0)
    assert spectrum.sum() == pytest.approx(z.var(axis=0).sum())


def test_alignment_by_hand():
    z_a = np.array([[1.0, 0.0], [0.0, 2.0]])
    z_b = np.array([[0.0, 5.0], [0.0, 1.0]])
    # Distances √2 and 0 on the circle.
    assert diagnostics.alignment(z_a, z_b) == pytest.approx(1.0)
    assert diagnostics.alignment(z_a, 3 * z_a) == pytest.approx(0.0)
    assert diagnostics.alignment(z_a, -z_a) == pytest.approx(4.0)


def test_uniformity_by_hand():
    # Three pairs, of squared distances 2, 4 and 2.
    z = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    expected = math.log((2 * math.exp(-4) + math.exp(-8)) / 3)
    assert diagnostics.uniformity(z) == pytest.approx(expected)
    assert diagnostics.uniformity(np.ones((9, 3))) == pytest.approx(0.0)


def test_uniformity_in_blocks(monkeypatch):
    z = normal(0, 40, 5)
    whole = diagnostics.uniformity(z)
    monkeypatch.setattr(diagnostics, "_ROWS", 7)
    assert diagnostics.uniformity(z) == pytest.approx(whole)


def test_uniformity_of_a_sample_is_near_that_of_all(monkeypatch):
    images = load_digits().data
    z = images - images.mean(axis=0)
    whole = diagnostics.uniformity(z)
    assert diagnostics.uniformity(z, seed=1) == whole
    monkeypatch.setattr(diagnostics, "_UNIFORMITY_ROWS", 500)
    sampled = [diagnostics.uniformity(z, seed=seed) for seed in range(8)]
    assert sampled[0] == diagnostics.uniformity(z)
    assert len(set(sampled)) == 8
    # A sample of a twentieth has a standard error √20 times that of the docstring.
    assert np.abs(np.array(sampled) - whole).max() < 4 * 0.0035 * math.sqrt(20)
    assert abs(np.mean(sampled) - whole) < 0.02


def test_uniformity_of_many_rows_is_that_of_their_distribution():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 200_000)
    z = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The mean of exp(4 cos θ − 4) around the circle.
    expected = math.log(scipy.special.ive(0, 4))
    assert diagnostics.uniformity(z) == pytest.approx(expected, abs=0.005)


def test_correlations_by_hand():
    a = np.array([1.0, 1.0, -1.0, -1.0])
    b = np.array([1.0, -1.0, 1.0, -1.0])
    z_a = np.stack([a, b], axis=1) * [5, 7] + [1, 2]
    z_b = np.stack([a, (a + b)], axis=1)
    # C = [[1, 1/√2], [0, 1/√2]], up to eps = 1e-5.
    root = 1 / math.sqrt(2)
    assert diagnostics.on_diagonal(z_a, z_b) == pytest.approx((1 + root) / 2, abs=1e-4)
    assert diagnostics.off_diagonal(z_a, z_b) == pytest.approx(0.5, abs=1e-4)
    assert diagnostics.linear_hsic(z_a, z_b) == pytest.approx(2.0, abs=1e-4)


def test_correlations_are_those_of_the_losses():
    z_a, z_b = normal(0, 32, 6), normal(1, 32, 6)
    z_b += z_a
    matrix = np.asarray(losses.cross_correlation(z_a, z_b))
    assert diagnostics.on_diagonal(z_a, z_b) == pytest.approx(
        np.diagonal(matrix).mean(), rel=1e-4
    )
    off = matrix[~np.eye(6, dtype=bool)]
    assert diagnostics.off_diagonal(z_a, z_b) == pytest.approx(
        math.sqrt(np.mean(off**2)), rel=1e-4
    )
    assert diagnostics.linear_hsic(z_a, z_b) == pytest.approx(
        float(losses.linear_hsic(z_a, z_b)), rel=1e-4
    )


def test_chance_level_of_the_off_diagonal():
    level = diagnostics.off_diagonal(normal(0, 400, 50), normal(1, 400, 50))
    assert level == pytest.approx(1 / math.sqrt(400), rel=0.1)


@pytest.mark.parametrize(
    "function, arguments, message",
    [
        (diagnostics.embedding_std, [np.ones(3)], r"z.shape=\(3,\)"),
        (diagnostics.effective_rank, [np.ones((2, 2, 2))], r"z.shape=\(2, 2, 2\)"),
        (diagnostics.uniformity, [np.ones((1, 3))], "N of 2 or more"),
        (diagnostics.linear_hsic, [np.ones((1, 3))] * 2, "N of 2 or more"),
        (diagnostics.alignment, [np.ones((2, 3)), np.ones((2, 4))], "the same shape"),
        (diagnostics.off_diagonal, [np.ones((2, 1))] * 2, "D of 2 or more"),
    ],
)
def test_refuses_what_is_no_embedding(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
