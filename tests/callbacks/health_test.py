"""Numbers that are not finite, and embeddings that collapse."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins.callbacks import health
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import checkpoints
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train

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
    config = tiny_config(**{"checkpoint.every_steps": 1})
    with pytest.raises(InputError) as error:
        train(Run(config, workdir, ONE), verbose=0)
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
    with pytest.raises(InputError, match=r"steps? \d.* of epoch 1: .* is not finite"):
        train(Run(config, Workdir(tmp_path / "run"), ONE), verbose=0)


def test_flags_are_read_every_few_steps_and_before_a_checkpoint(tmp_path, monkeypatch):
    """Eleven steps per epoch, checkpoints after four and eight of them."""
    checked = []
    original = health.Finite.check

    def check(self):
        if self._step > self._checked:
            checked.append((self._epoch + 1, self._step))
        original(self)

    monkeypatch.setattr(health.Finite, "check", check)
    config = tiny_config(**{"checkpoint.every_steps": 4})
    train(Run(config, Workdir(tmp_path / "run"), ONE), verbose=0)
    assert checked == [(epoch, step) for epoch in (1, 2) for step in (4, 8, STEPS)]


def test_a_number_that_is_not_finite_never_reaches_a_checkpoint(tmp_path, monkeypatch):
    poison(monkeypatch, 6, "kernel")
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(**{"checkpoint.every_steps": 4})
    with pytest.raises(InputError, match=r"steps 5 to 8 of epoch 1: .*not finite"):
        train(Run(config, workdir, ONE), verbose=0)
    assert checkpoints.newest(workdir.checkpoints)[0] == (0, 4)


def told(ranks, capsys, stop=False, before=()):
    """The epochs in which a run is warned of, or ended for, a rank below 2."""
    callback = health.Collapse(
        100, rank_share=0.02, epochs=3, stop=stop, past_ratios=before
    )
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
    with pytest.raises(InputError, match=r"epoch 3: .*2.0% of 100 directions"):
        told([1, 1, 1, 1], capsys, stop=True)


def test_a_run_that_collapses_is_warned(tmp_path, capsys):
    overrides = {"collapse.rank_share": 1.0, "collapse.epochs": 2}
    train(Run(tiny_config(**overrides), Workdir(tmp_path / "run"), ONE), verbose=0)
    assert "warning, epoch 2: the embeddings have collapsed" in capsys.readouterr().out
