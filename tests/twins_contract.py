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
    before = [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]
    logs = model.train_on_batch(batch, return_dict=True)
    assert set(logs) >= {"loss", *model.term_names}
    assert np.isfinite(list(logs.values())).all(), logs
    after = [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]
    moved = [np.any(a != b) for a, b in zip(after, before, strict=True)]
    assert all(moved), [
        w.path for w, m in zip(model.trainable_variables, moved, strict=True) if not m
    ]

    first = model.test_on_batch(batch, return_dict=True)
    assert model.test_on_batch(batch, return_dict=True) == first
    for weight, value in zip(model.trainable_variables, after, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), value)

    made = type(model).from_config(model.get_config())
    assert made.get_config().keys() == model.get_config().keys()
    assert [w.shape for w in made.weights] == [w.shape for w in model.weights]

    model.save(folder / "model.keras")
    loaded = keras.models.load_model(folder / "model.keras")
    assert type(loaded) is type(model)
    assert [w.shape for w in loaded.weights] == [w.shape for w in model.weights]
    again, expected = (
        m.test_on_batch(batch, return_dict=True) for m in (loaded, model)
    )
    np.testing.assert_allclose(
        [again[name] for name in expected], list(expected.values()), rtol=1e-5
    )
