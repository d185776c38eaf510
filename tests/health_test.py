"""Numbers that are not finite, and embeddings that collapse."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import checkpoints, health
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.train import train
from keras_twins.workdir import Workdir

ONE = tf.distribute.get_strategy()
STEPS = 11


def tiny_config(**overrides):
    config = digits.get_config()
    config.deterministic = False
    config.encoder.widths = (8,)
    config.encoder.depths = (1,)
    config.projector = (16, 16)
    config.epochs = 2
    config.optimizer.warmup_epochs = 0.0
    config.evaluation.every_epochs = 0
    config.checkpoint.every_steps = 2
    config.update_from_flattened_dict(overrides)
    return config


def poison(monkeypatch, step, kind):
    """Makes a weight NaN in the middle of a step, as its gradient would."""
    original = health.Finite.on_train_batch_end
    poisoned = []

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == step:
            weight = [w for w in self.model.weights if w.path.endswith(kind)][-1]
            weight.assign(weight * np.nan)
            poisoned.append(weight.path)
        original(self, batch, logs)

    monkeypatch.setattr(health.Finite, "on_train_batch_end", on_train_batch_end)
    return poisoned


def test_a_weight_that_is_not_finite_is_named_at_its_step(tmp_path, monkeypatch):
    poisoned = poison(monkeypatch, STEPS + 5, "kernel")
    workdir = Workdir(tmp_path / "run")
    with pytest.raises(InputError) as error:
        train(tiny_config(), workdir, ONE, verbose=0)
    text = str(error.value)
    assert "step 5 of epoch 2: " in text
    assert f"{poisoned[0]} is not finite" in text
    assert "lower --config.optimizer.learning_rate" in text
    position, path = checkpoints.newest(workdir.checkpoints)
    assert position == (1, 4) and str(path) in text
    with np.load(path) as state:
        assert all(np.isfinite(value).all() for value in state.values())


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    config = tiny_config(**{"optimizer.learning_rate": 1e30})
    with pytest.raises(InputError, match=r"step \d+ of epoch 1: .* is not finite"):
        train(config, Workdir(tmp_path / "run"), ONE, verbose=0)


def told(ranks, capsys, stop=False, before=()):
    """The epochs in which a run is warned of, or ended for, a rank below 2."""
    settings = tiny_config().collapse
    settings.update(rank_share=0.02, epochs=3, stop=stop)
    callback = health.Collapse(100, settings, before)
    found = []
    for epoch, rank in enumerate(ranks):
        callback.on_epoch_end(epoch, {"participation_ratio": rank})
        if "collapsed" in capsys.readouterr().out:
            found.append(epoch)
    return found


def test_a_collapse_is_told_once_and_again_after_a_recovery(capsys):
    assert told([1, 1, 1, 1, 5, 1, 1, 1], capsys) == [2, 7]
    assert told([1, 1, 3, 1, 1, 3], capsys) == []
    assert told([1, 5], capsys, before=[1, 1]) == [0]


def test_a_collapse_ends_the_run_where_asked(capsys):
    with pytest.raises(InputError, match=r"epoch 3: .*2% of 100 directions"):
        told([1, 1, 1, 1], capsys, stop=True)


def test_a_run_that_collapses_is_warned(tmp_path, capsys):
    overrides = {"collapse.rank_share": 1.0, "collapse.epochs": 2}
    train(tiny_config(**overrides), Workdir(tmp_path / "run"), ONE, verbose=0)
    assert "warning, epoch 2: the embeddings have collapsed" in capsys.readouterr().out
