"""Runs that are corrected, extended, timed, and made of parts from elsewhere."""

import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_twins.commands import export
from keras_twins.commands.evaluate import evaluate
from keras_twins.configs import digits, photos
from keras_twins.errors import InputError
from keras_twins.runs import checkpoints, pace, stops
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train

MODULE = """
import keras

def noisy(input_shape):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(inputs)
    x = keras.layers.BatchNormalization(name="first_norm")(x)
    x = keras.layers.Conv2D(8, 3, strides=2, name="second")(x)
    return keras.Model(inputs, keras.layers.Dropout(0.2)(x))

class StopAsked(keras.callbacks.Callback):
    request = None

    def on_train_batch_end(self, batch, logs=None):
        if self.request is not None and self.model.optimizer.iterations >= 3:
            self.request.asked = True
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_run_parts.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("my_run_parts", None)


def tiny_config(**overrides):
    config = digits.get_config()
    config.batch_size = 256
    config.encoder.widths = (4,)
    config.encoder.depths = (1,)
    config.projector = (8,)
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    config.evaluation.every_epochs = 0
    config.update_from_flattened_dict(overrides)
    return config


def last_weights(workdir):
    with np.load(checkpoints.newest(workdir.checkpoints)[1]) as file:
        return dict(file)


def assert_same(first, second):
    first, second = last_weights(first), last_weights(second)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, name)


def test_minutes_train_what_as_many_epochs_train(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pace, "epochs_in", lambda minutes, measured, steps: 2)
    timed, counted = Workdir(tmp_path / "timed"), Workdir(tmp_path / "counted")
    config = tiny_config(minutes=0.5, epochs=90, **{"optimizer.warmup_epochs": 10.0})
    train(Run(config, timed), verbose=0)
    assert "--config.epochs=2 of 5 steps takes about" in capsys.readouterr().out
    assert json.loads(timed.plan.read_text()) == {
        **{"epochs": 2, "optimizer.warmup_epochs": 0.2}
    }
    train(
        Run(tiny_config(epochs=2, **{"optimizer.warmup_epochs": 0.2}), counted),
        verbose=0,
    )
    # The steps that were measured left no trace.
    assert_same(timed, counted)
    # The same command goes on with what was decided.
    monkeypatch.setattr(pace, "measure", None)
    run = Run(config, timed)
    assert run.config.epochs == 2 and run.given.epochs == 90
    train(run, verbose=0)
    assert Run.read(timed).config.epochs == 2


def test_a_folder_of_photographs_from_train_to_export(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 130, 150, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "photos" / f"{index}.jpg")
    (tmp_path / "photos" / "torn.jpg").write_bytes(b"torn")
    config = photos.get_config()
    config.dataset = f"folder:{tmp_path}/photos/"
    config.max_bad_images = 0.5
    config.encoder.widths, config.encoder.depths = (4, 8), (1, 1)
    config.projector = (16,)
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    workdir = Workdir(tmp_path / "run")
    train(Run(config, workdir), verbose=0)
    # A batch of 32 is more than 21 files, and one of them cannot be read.
    decided = {"views.image_size": 64, "batch_size": 20}
    assert json.loads(workdir.plan.read_text()) == decided
    assert "1 epoch of 1 steps of 20 pairs of 64 pixels" in capsys.readouterr().out
    config.dataset = f"folder:{tmp_path}/photos"
    train(Run(config, workdir), verbose=0)
    version = export.export(Run.read(workdir), tmp_path / "embedder")
    described = json.loads((version / "assets.extra/keras_twins.json").read_text())
    assert described["metadata"]["config"]["views"]["image_size"] == 64
    # A file that is gone makes the batch that was decided too large.
    (tmp_path / "photos" / "3.jpg").unlink()
    with pytest.raises(InputError, match="batch_size=20 is more than the 19 images"):
        train(Run(config, workdir), verbose=0)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run that has ended: its folder and its model."""
    workdir = Workdir(tmp_path_factory.mktemp("ended") / "run")
    return workdir, train(Run(tiny_config(), workdir), verbose=0)


def test_a_run_goes_on_with_other_keys_that_leave_the_weights_alone(ended):
    workdir, _ = ended
    before = last_weights(workdir)
    other = tiny_config(data_dir="/elsewhere", **{"evaluation.k": 3})
    train(Run(other, workdir), verbose=0)
    for name, value in last_weights(workdir).items():
        np.testing.assert_array_equal(before[name], value)
    assert workdir.read_config().evaluation.k == 3
    with pytest.raises(InputError, match=f"init_from={workdir.path} and another"):
        train(Run(tiny_config(epochs=2), workdir), verbose=0)


def test_a_run_starts_from_another_and_does_not_read_it_again(ended, tmp_path, capsys):
    first, old = ended
    second = Workdir(tmp_path / "second")
    source = tmp_path / "model.keras"
    source.write_bytes(first.model.read_bytes())
    config = tiny_config(init_from=str(source), **{"optimizer.learning_rate": 0.0})
    new = train(Run(config, second), verbose=0)
    for a, b in zip(old.trainable_weights, new.trainable_weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert "its encoder, and its projector" in capsys.readouterr().out
    source.unlink()
    train(Run(config, second), verbose=0)
    assert "starting from" not in capsys.readouterr().out


def test_a_stopped_run_of_frozen_parts_ends_as_the_undisturbed_one(here, capsys):
    config = tiny_config(
        callbacks=("my_run_parts:StopAsked",), **{"optimizer.encoder_rate": 0.1}
    )
    config.encoder = {"name": "my_run_parts:noisy", "frozen": ("first",)}
    whole, stopped = Workdir(here / "whole"), Workdir(here / "stopped")
    model = train(Run(config, whole), verbose=0)
    assert type(model.optimizer).__name__ == "TwoRates"
    from my_run_parts import StopAsked  # Written by the fixture.

    StopAsked.request = stops.Request()
    with pytest.raises(stops.Stopped, match="step 3 of epoch 1"):
        train(Run(config, stopped), verbose=0, request=StopAsked.request)
    StopAsked.request = None
    train(Run(config, stopped), verbose=0)
    assert_same(whole, stopped)
    assert any(name.startswith("seed") for name in last_weights(stopped))
    names = {v.path.split("/")[-2] for v in model.encoder.trainable_variables}
    assert names == {"second"}
    # What is saved has the encoder's own parts, and evaluates.
    rows = evaluate(Run.read(whole), verbose=0)
    assert [row.name for row in rows][-1] == "trained encoder"
    assert keras.models.load_model(whole.model).optimizer.count == 2
