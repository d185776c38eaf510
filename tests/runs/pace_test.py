"""Steps that are measured leave no trace."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_twins as kt
from keras_twins.runs import checkpoints, pace


def test_a_measurement_changes_nothing():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(x))
    encoder = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    model = kt.models.Twins(encoder, kt.models.projector(4, (8, 8)))
    model.compile("adam", loss=kt.losses.BarlowTwinsLoss())
    model.optimizer.build(model.trainable_variables)
    before = checkpoints.state(model)
    assert {name.split("-")[0] for name in before} == {
        *("weight", "optimizer", "metric", "seed")
    }
    views = np.random.default_rng(0).normal(size=(2, 8, 8, 8, 3)).astype("float32")
    pairs = tf.data.Dataset.from_tensors(tuple(views)).repeat(20)
    moved = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            now = checkpoints.state(model)
            moved.append(any((now[k] != before[k]).any() for k in before))

    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Watch()], **k)
    found = pace.measure(model, pairs, 20)
    assert moved == [True] * 10
    after = checkpoints.state(model)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, name)
    assert 0 < found.seconds_per_step < found.start < found.spent
    assert pace.measure(model, pairs, 1).seconds_per_step > 0


@pytest.mark.parametrize(("minutes", "epochs"), [(10, 43), (1.5, 5), (0.01, 1)])
def test_the_epochs_that_fit(minutes, epochs):
    measured = pace.Pace(seconds_per_step=0.5, spent=12.0, start=10.0)
    assert pace.epochs_in(minutes, measured, 24) == epochs
    if epochs > 1:
        assert minutes - 1 < measured.minutes(epochs * 24) + 12 / 60 <= minutes
