"""What every model of the family of `Twins` must do, on any backend."""

import keras
import numpy as np


def check_twins(make_model, batch, folder):
    """A step trains it, `evaluate` leaves it alone, and it comes back from a file.

    Args:
        make_model: function of nothing that gives a compiled model, the same each time.
        batch: what `fit` takes as a batch.
        folder: path where files can be written.
    """
    keras.utils.set_random_seed(0)
    model = make_model()
    before = _values(model.trainable_variables)
    traces = _count_calls(model, "batch_terms")
    logs = model.train_on_batch(batch, return_dict=True)
    assert set(logs) >= {"loss", *model.term_names}
    assert np.isfinite(list(logs.values())).all(), logs
    after = _values(model.trainable_variables)
    moved = [np.any(a != b) for a, b in zip(after, before, strict=True)]
    assert all(moved), [
        w.path for w, m in zip(model.trainable_variables, moved, strict=True) if not m
    ]

    traced = len(traces)
    model.train_on_batch(batch)
    if keras.backend.backend() == "tensorflow":  # the others may have no graph
        assert len(traces) == traced

    weights = _values(model.weights)
    first = model.test_on_batch(batch, return_dict=True)
    assert model.test_on_batch(batch, return_dict=True) == first
    _assert_same(_values(model.weights), weights)

    made = type(model).from_config(model.get_config())
    assert made.get_config().keys() == model.get_config().keys()
    assert [w.shape for w in made.weights] == [w.shape for w in model.weights]

    model.save(folder / "model.keras")
    loaded = keras.models.load_model(folder / "model.keras")
    assert type(loaded) is type(model)
    _assert_same(_values(loaded.weights), weights)
    again, expected = (
        m.test_on_batch(batch, return_dict=True) for m in (loaded, model)
    )
    np.testing.assert_allclose(
        [again[name] for name in expected], list(expected.values()), rtol=1e-5
    )


def _values(variables):
    return [keras.ops.convert_to_numpy(v) for v in variables]


def _assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def _count_calls(model, name):
    """A list that grows with each call of a method, which one of a graph is not."""
    calls = []
    method = getattr(model, name)

    def counted(*args, **kwargs):
        calls.append(name)
        return method(*args, **kwargs)

    setattr(model, name, counted)
    return calls
