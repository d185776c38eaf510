"""What is kept of a model while it trains."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.evaluation import snapshots
from keras_twins.runs import images
from keras_twins.runs.run import Run


class Linear:
    """Encoder or projector: a fixed product."""

    def __init__(self, matrix):
        self._matrix = tf.constant(matrix, tf.float32)

    def __call__(self, x, training):
        assert training is False
        return tf.reshape(x, (len(x), -1)) @ self._matrix


class Model:
    def __init__(self, rng, width):
        self.encoder = Linear(rng.normal(size=(12, 6)))
        self.projector = Linear(rng.normal(size=(6, width)))


def pairs(rng, count=50):
    a = rng.normal(size=(count, 2, 2, 3)).astype(np.float32)
    b = a + 0.3 * rng.normal(size=a.shape).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((a, b)).batch(16), a, b


@pytest.mark.parametrize("width", [5, 200])
def test_its_figures_are_those_of_the_whole_width(rng, width):
    model = Model(rng, width)
    dataset, a, b = pairs(rng)
    taken = snapshots.Taker(model, dataset).take(7)
    h = [model.encoder(x, training=False) for x in (a, b)]
    z = [np.asarray(model.projector(x, training=False)) for x in h]
    assert (taken.epochs, taken.count, taken.width) == (7, 50, width)
    shown = min(width, 128)
    assert taken.correlation.shape == (shown, shown)
    from keras_twins.losses import cross_correlation

    whole = np.asarray(cross_correlation(*z))
    np.testing.assert_allclose(taken.correlation, whole[:shown, :shown], atol=1e-5)
    assert taken.on_diagonal == pytest.approx(evaluation.on_diagonal(*z), rel=1e-3)
    assert taken.off_diagonal == pytest.approx(evaluation.off_diagonal(*z), rel=1e-3)
    assert taken.linear_hsic == pytest.approx(evaluation.linear_hsic(*z), rel=1e-3)
    h = [np.asarray(x) for x in h]
    np.testing.assert_allclose(taken.deviations, h[0].std(axis=0), rtol=1e-4)
    assert taken.alignment == pytest.approx(evaluation.alignment(*h))
    assert taken.spectrum.sum() == pytest.approx(h[0].var(axis=0).sum(), rel=1e-5)


def test_what_is_saved_is_read_in_the_order_of_epochs(rng, tmp_path):
    model, (dataset, _, _) = Model(rng, 5), pairs(rng)
    taker = snapshots.Taker(model, dataset)
    for epochs in (100_000, 0, 50):
        snapshots.save(tmp_path / "s", taker.take(epochs))
    found = snapshots.read(tmp_path / "s")
    assert [s.epochs for s in found] == [0, 50, 100_000]
    assert isinstance(found[0].on_diagonal, float)
    np.testing.assert_array_equal(found[0].correlation, found[1].correlation)
    assert snapshots.read(tmp_path / "none") == []


def test_a_model_that_has_diverged_has_none(rng):
    model, (dataset, _, _) = Model(rng, 5), pairs(rng)
    model.projector = Linear(np.full((6, 5), np.nan))
    assert snapshots.Taker(model, dataset).take(1) is None


def test_the_pairs_are_the_same_ones_each_time(small_run):
    _, config = small_run(1)
    dataset = images.snapshot_pairs(Run(config), 100)
    first, second = (
        [np.concatenate(views) for views in zip(*dataset, strict=True)]
        for _ in range(2)
    )
    assert first[0].shape == (100, 16, 16, 3)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[0] - first[1]).mean() > 0.1
