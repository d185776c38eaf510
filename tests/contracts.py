"""What every part of a kind must hold, whatever else it does."""

import json
import pickle

import keras
import numpy as np
import pytest
from derivatives import value_and_gradients
from keras import ops

from keras_twins import losses


def check_pair_loss(make_loss):
    """Asserts what a caller relies on in any `keras_twins.losses.PairLoss`.

    Args:
        make_loss: function without arguments that makes the loss, with arguments of its
            own that are not the defaults where it has any.
    """
    loss = make_loss()
    rng = np.random.default_rng(3)
    z_a = rng.normal(size=(12, 8)).astype("float32")
    z_b = (z_a + 0.5 * rng.normal(size=z_a.shape)).astype("float32")
    found = _numbers(loss, z_a, z_b)

    assert isinstance(loss, losses.PairLoss)
    assert isinstance(loss.term_names, tuple) and "loss" not in loss.term_names
    assert list(found) == ["loss", *loss.term_names]
    assert np.isfinite(list(found.values())).all()
    assert float(loss(z_a, z_b)) == pytest.approx(found["loss"], rel=1e-6)

    value, *gradients = value_and_gradients(loss, z_a, z_b)
    assert value == pytest.approx(found["loss"], rel=1e-6)
    for gradient in gradients:
        assert np.isfinite(gradient).all()
    assert any(np.any(gradient != 0.0) for gradient in gradients)

    _check_float32(loss, z_a, z_b)
    _check_copies(loss, z_a, z_b)
    _check_shapes(loss)
    _check_levels(loss)


def _numbers(loss, z_a, z_b):
    """The terms as floats, each of which must be a float32 scalar."""
    terms = loss.terms(z_a, z_b)
    for name, value in terms.items():
        assert keras.backend.standardize_dtype(value.dtype) == "float32", name
        assert tuple(value.shape) == (), name
    return {name: float(value) for name, value in terms.items()}


def _check_float32(loss, z_a, z_b):
    """Narrow embeddings are rounded once, and nothing is computed in their type."""
    narrow = [ops.cast(z, "float16") for z in (z_a, z_b)]
    wide = [ops.cast(z, "float32") for z in narrow]
    expected = _numbers(loss, *wide)
    assert _numbers(loss, *narrow) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert float(loss(*narrow)) == pytest.approx(expected["loss"], rel=1e-6)


def _check_copies(loss, z_a, z_b):
    """A loss that was saved, or sent to another process, is the same."""
    expected = _numbers(loss, z_a, z_b)
    config = json.loads(json.dumps(loss.get_config()))
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    for copy in (
        type(loss).from_config(config),
        revived,
        pickle.loads(pickle.dumps(loss)),
    ):
        assert type(copy) is type(loss)
        assert copy.get_config() == loss.get_config()
        assert _numbers(copy, z_a, z_b) == pytest.approx(expected, rel=1e-6)


def _check_shapes(loss):
    for shapes in (((4, 3), (4, 2)), ((4, 3), (5, 3)), ((4, 3, 2), (4, 3, 2))):
        pair = [np.zeros(shape, "float32") for shape in shapes]
        for function in (loss, loss.terms):
            with pytest.raises(ValueError, match="Expected.*Received"):
                function(*pair)


def _check_levels(loss):
    """What is said of the terms can be said of any value, and is in its own order."""
    levels = loss.levels(batch=32, width=16)
    if levels is None:
        return
    assert levels.way(levels.unrelated) == 0.0 and levels.way(levels.perfect) == 1.0
    assert set(levels.terms) <= set(loss.term_names)
    for term in levels.terms.values():
        outside = 2.0 * term.poor - term.good
        between = 0.5 * (term.good + term.poor)
        for value, level in (
            (term.perfect, "good"),
            (term.good, "good"),
            (between, "note"),
            (outside, "warning"),
        ):
            verdict = term.judge(value)
            assert verdict.level == level
            assert bool(verdict.advice) == (level != "good")
            assert term.describe(value) and "{" not in term.describe(value)
