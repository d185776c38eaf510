"""Features without variance, and with very little, on whichever backend Keras runs."""

import numpy as np
import pytest
from derivatives import relative, value_and_gradients
from keras import ops

from keras_twins import losses

CONSTANTS, LIVE = 200, 8


def with_constants(rng, rows):
    """Two views whose first features are constants of any sign and size."""
    sizes = 10.0 ** rng.uniform(-6, 6, size=(2, 1, CONSTANTS))
    constants = sizes * rng.choice([-1, 1], size=sizes.shape)
    live = rng.normal(size=(2, rows, LIVE))
    live[1] += live[0]
    constants = np.broadcast_to(constants, (2, rows, CONSTANTS))
    return np.concatenate([constants, live], axis=2).astype("float32")


@pytest.mark.parametrize("rows", [2, 17, 512, 2048, 65_536])
def test_a_constant_feature_is_zero_however_many_rows(rng, rows):
    pair = with_constants(rng, rows)
    c = ops.convert_to_numpy(losses.cross_correlation(*pair, eps=0.0))
    assert np.all(c[:CONSTANTS] == 0.0) and np.all(c[:, :CONSTANTS] == 0.0)
    assert np.isfinite(c).all()
    assert np.all(np.diag(c)[CONSTANTS:] != 0.0)


@pytest.mark.parametrize("form", ["gram", "correlation"])
@pytest.mark.parametrize("rows", [17, 2048])
def test_a_constant_feature_has_no_part_in_the_gradient(rng, rows, form):
    pair = with_constants(rng, rows)
    loss = losses.HSICLoss(form=form, eps=0.0)
    value, *gradients = value_and_gradients(loss, *pair)
    assert np.isfinite(value)
    for gradient in gradients:
        assert np.all(gradient[:, :CONSTANTS] == 0.0)
        assert np.isfinite(gradient).all() and np.any(gradient[:, CONSTANTS:] != 0.0)


@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-5])
@pytest.mark.parametrize("rows", [24, 4096, 65_536])
def test_a_small_deviation_is_standardised(rng, rows, share):
    """Deviations of a share of the mean, held against double precision."""
    means = 10.0 ** rng.uniform(-6, 6, size=LIVE)
    pair = rng.normal(size=(2, rows, LIVE))
    pair[1] += pair[0]
    pair = (means * (1 + share * pair)).astype("float32")
    a, b = (z - z.mean(axis=0) for z in np.float64(pair))
    expected = (a / a.std(axis=0)).T @ (b / b.std(axis=0)) / rows
    found = losses.cross_correlation(*pair, eps=0.0)
    assert relative(found, expected) < 1e-5


def test_one_row_far_off_leaves_the_others_their_digits(rng):
    """Also where it is the row that differences are taken from."""
    pair = rng.normal(size=(2, 512, LIVE)).astype("float32")
    pair[:, 0] = 1e4
    a, b = (z - z.mean(axis=0) for z in np.float64(pair))
    expected = (a / a.std(axis=0)).T @ (b / b.std(axis=0)) / 512
    found = losses.cross_correlation(*pair, eps=0.0)
    assert relative(found, expected) < 1e-5
