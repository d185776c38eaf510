"""What a run writes down while it goes on."""

import json
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.callbacks import OnlineEvaluation
from keras_twins.callbacks.tensorboard import Writer

IMAGES = np.random.default_rng(0).integers(0, 256, (90, 4, 4, 3), np.uint8)
LABELS = np.arange(90) % 3


def encoder():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(6)(keras.layers.Flatten()(inputs)))


def dataset(rows, labels=LABELS):
    data = IMAGES[rows] if labels is None else (IMAGES[rows], labels[rows])
    return tf.data.Dataset.from_tensor_slices(data).batch(16)


TRAIN, TEST = slice(0, 60), slice(60, 90)


def evaluated(callback, epochs=1):
    """The logs of each epoch."""
    callback.set_params({"epochs": epochs, "verbose": 0})
    logs = [{} for _ in range(epochs)]
    for epoch in range(epochs):
        callback.on_epoch_end(epoch, logs[epoch])
    return logs


def test_the_logs_hold_what_evaluation_says():
    model = encoder()
    (logs,) = evaluated(OnlineEvaluation(model, dataset(TRAIN), dataset(TEST), k=5))
    features, labels = evaluation.embed(model, dataset(TEST))
    bank = evaluation.embed(model, dataset(TRAIN))
    assert logs.pop("evaluation_seconds") > 0
    assert logs == {
        "knn": evaluation.knn_accuracy(*bank, features, labels, k=5),
        "test_embedding_std": evaluation.embedding_std(features),
        "test_effective_rank": evaluation.effective_rank(features),
        "test_uniformity": evaluation.uniformity(features),
    }


def test_every_few_epochs_and_after_the_last_one():
    callback = OnlineEvaluation(
        encoder(), dataset(TRAIN), dataset(TEST), every_epochs=2, k=5
    )
    logs = evaluated(callback, epochs=5)
    assert ["knn" in log for log in logs] == [False, True, False, True, True]


@pytest.mark.parametrize("labels", [None, LABELS])
def test_without_labels_there_are_diagnostics_alone(labels):
    (logs,) = evaluated(OnlineEvaluation(encoder(), None, dataset(TEST, labels)))
    assert "knn" not in logs and "test_effective_rank" in logs


def test_labels_that_cannot_be_used_do_not_stop_a_training(capsys):
    # A data set without labels may say -1 of all images.
    callback = OnlineEvaluation(
        encoder(), dataset(TRAIN, np.full(90, -1)), dataset(TEST, np.full(90, -1))
    )
    logs = evaluated(callback, epochs=2)
    assert all("knn" not in log and "test_embedding_std" in log for log in logs)
    assert capsys.readouterr().out.count("are of one class") == 1


def test_a_model_that_has_diverged_adds_nothing():
    model = encoder()
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    callback = OnlineEvaluation(model, dataset(TRAIN), dataset(TEST))
    assert evaluated(callback) == [{}]


def test_the_training_images_are_not_kept():
    """The bank is read anew each time: nothing has cached it."""
    seen = []

    def batches():
        for start in range(0, 60, 16):
            seen.append(start)
            yield IMAGES[start : start + 16], LABELS[start : start + 16]

    spec = (
        tf.TensorSpec([None, 4, 4, 3], tf.uint8),
        tf.TensorSpec([None], tf.int64),
    )
    bank = tf.data.Dataset.from_generator(batches, output_signature=spec)
    callback = OnlineEvaluation(encoder(), bank, dataset(TEST), k=5)
    evaluated(callback, epochs=2)
    assert seen == [0, 16, 32, 48] * 2


def test_tensorboard_shows_deviations_matrix_and_projector(tmp_path):
    from google.protobuf import text_format
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.projector import ProjectorConfig

    writer = Writer(tmp_path, ("a", "b", "c"))
    model = encoder()
    evaluated(
        OnlineEvaluation(model, dataset(TRAIN), dataset(TEST), k=5, tensorboard=writer),
        epochs=2,
    )
    snapshot = types.SimpleNamespace(
        epochs=2,
        correlation=np.eye(5, dtype=np.float32),
        on_diagonal=1.0,
        off_diagonal=0.1,
        linear_hsic=5.0,
        alignment=0.5,
    )
    writer.write_snapshot(snapshot)
    events = EventAccumulator(str(tmp_path / "embedding"), {"tensors": 0}).Reload()
    steps = {
        tag: [event.step for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }
    assert steps["embedding/feature_deviation"] == [1, 2]
    assert steps["cross_correlation"] == [2]
    assert steps["snapshot/linear_hsic"] == [2]
    config = text_format.Parse(
        (tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()
    )
    (embedding,) = config.embeddings
    features, labels = evaluation.embed(model, dataset(TEST))
    written = np.loadtxt(tmp_path / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(written, features, rtol=1e-4, atol=1e-4)
    lines = (tmp_path / embedding.metadata_path).read_text().splitlines()
    assert lines[1:] == [f"{i}\t{'abc'[label]}" for i, label in enumerate(labels)]
    from PIL import Image

    side = embedding.sprite.single_image_dim[0]
    with Image.open(tmp_path / embedding.sprite.image_path) as sprite:
        assert sprite.size == (6 * side, 6 * side)  # 30 images


def test_logs_are_json(tmp_path):
    (logs,) = evaluated(OnlineEvaluation(encoder(), dataset(TRAIN), dataset(TEST), k=5))
    json.dumps(logs)


ON_REPLICAS = """
import pathlib, sys
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
import keras_twins as kt
from keras_twins.callbacks import Snapshots
from keras_twins.evaluation import snapshots

views = np.random.default_rng(0).normal(size=(2, 16, 4, 4, 3)).astype(np.float32)
pairs = tf.data.Dataset.from_tensor_slices(tuple(views)).batch(8)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(inputs))
    encoder = keras.Model(inputs, outputs)
    model = kt.models.Twins(encoder, kt.models.projector(4, (6,)))
    model.compile("sgd", loss=kt.losses.BarlowTwinsLoss())
folder = pathlib.Path(sys.argv[1])
model.fit(pairs, epochs=5, verbose=0, callbacks=[Snapshots(folder, pairs)])
found = snapshots.read(folder)
assert [s.epochs for s in found] == [0, 2, 5], found
assert [s.count for s in found] == [16, 16, 16]
assert found[0].on_diagonal != found[2].on_diagonal
"""


def test_snapshots_on_replicas_at_start_middle_and_end(tmp_path):
    subprocess.run([sys.executable, "-c", ON_REPLICAS, str(tmp_path)], check=True)
