"""Nothing that is measured while training may stop it."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins.callbacks import OnlineEvaluation, Snapshots
from keras_twins.callbacks.attempts import Attempts
from keras_twins.callbacks.tensorboard import Scalars, Writer

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 3), np.uint8)


def encoder():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))


def images(labels):
    data = (IMAGES[: len(labels)], np.array(labels))
    return tf.data.Dataset.from_tensor_slices(data).batch(8)


def fails(*args, **kwargs):
    raise RuntimeError("no space left\nTraceback of many lines")


def test_a_failure_is_said_once_and_kept(tmp_path, capsys):
    attempts = Attempts(tmp_path / "measures.json")
    assert attempts.attempt("kNN", lambda: 0.5) == 0.5
    for _ in range(3):
        assert attempts.attempt("kNN", fails) is None
    attempts.note("k is 3")
    attempts.note("k is 3")
    assert capsys.readouterr().out == "no kNN: no space left\nk is 3\n"
    said = json.loads((tmp_path / "measures.json").read_text())
    assert said == {"missing": {"kNN": "no space left"}, "notes": ["k is 3"]}
    # A run that goes on says anew what is still so.
    Attempts(tmp_path / "measures.json")
    assert not (tmp_path / "measures.json").exists()


@pytest.mark.parametrize(
    ("train", "test", "measured", "words"),
    [
        ([0] * 12, [0, 0], False, "no kNN: all training images are of one class"),
        ([0, 1] * 6, [5, 6], False, "no kNN: there are no test images of a class"),
        ([0, 1] * 6, [0, 1, 7], True, "1 test image of 1 class without a training"),
        ([0, 1] * 2, [0, 1], True, "4 neighbours vote instead of 200"),
        ([0, 1] * 6, [1], True, "12 neighbours"),
    ],
)
def test_the_limits_of_knn(capsys, train, test, measured, words):
    callback = OnlineEvaluation(encoder(), images(train), images(test))
    callback.set_params({"epochs": 2, "verbose": 0})
    logs = [{}, {}]
    for epoch in range(2):
        callback.on_epoch_end(epoch, logs[epoch])
    assert [("knn" in log) for log in logs] == [measured] * 2
    assert all("evaluation_seconds" in log for log in logs)
    # The rank of so few images would be taken for a collapse.
    assert not any("test_effective_rank" in log for log in logs)
    assert capsys.readouterr().out.count(words) == 1


@pytest.mark.parametrize("broken", ["test", "train", "tensorboard", "diagnostics"])
def test_whatever_fails_the_epoch_goes_on(tmp_path, capsys, monkeypatch, broken):
    bad = images([0, 1] * 12).map(
        lambda image, label: (tf.io.decode_png(tf.constant(b"torn"))[None], label)
    )
    writer = Writer(tmp_path)
    if broken == "tensorboard":
        (tmp_path / "embedding").write_text("a file where a folder should be")
    if broken == "diagnostics":
        from keras_twins.callbacks import online_evaluation

        monkeypatch.setitem(
            online_evaluation._DIAGNOSTICS, "test_effective_rank", fails
        )
    good = images([0, 1] * 12)
    callback = OnlineEvaluation(
        encoder(),
        bad if broken == "train" else good,
        bad if broken == "test" else good,
        k=3,
        tensorboard=writer,
    )
    callback.set_params({"epochs": 1, "verbose": 0})
    logs = {}
    callback.on_epoch_end(0, logs)
    said = capsys.readouterr().out
    assert said.startswith("no ") and said.count("\n") == 1
    assert ("knn" in logs) == (broken in ("tensorboard", "diagnostics"))
    assert ("test_embedding_std" in logs) == (broken != "test")


def test_a_training_ends_where_tensorboard_and_snapshots_cannot(tmp_path, capsys):
    (tmp_path / "board").write_text("a file where a folder should be")
    attempts = Attempts(tmp_path / "measures.json")
    model = encoder()
    model.compile("sgd", "mse")
    pairs = tf.data.Dataset.from_tensor_slices((np.float32(IMAGES),) * 2).batch(8)
    # A model without a projector, of which no snapshot can be taken.
    snapshots = Snapshots(tmp_path / "snapshots", pairs, None, attempts)
    board = Scalars(tmp_path / "board", attempts)
    history = model.fit(
        np.float32(IMAGES),
        np.zeros((24, 3)),
        epochs=2,
        verbose=0,
        callbacks=[snapshots, board],
    )
    assert len(history.history["loss"]) == 2
    said = json.loads((tmp_path / "measures.json").read_text())["missing"]
    assert said.keys() == {"snapshot", "TensorBoard"}
    assert len(capsys.readouterr().out.splitlines()) == 2
