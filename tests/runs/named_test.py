"""Parts by `module:name`."""

import sys

import keras
import pytest

from keras_twins import losses
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import config_check, methods, named, parts

MODULE = """
import keras
import keras_twins as kt

class Watch(keras.callbacks.Callback):
    def __init__(self, word="none"):
        super().__init__()
        self.word = word

class Views(kt.augment.TwoViews):
    pass

def rms(learning_rate, rho=0.5):
    return keras.optimizers.RMSprop(learning_rate, rho=rho)

def mean_difference(scale):
    return lambda a, b: scale * keras.ops.mean(keras.ops.square(a - b))

constant = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a module in it, which a command's path does not have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_parts.py").write_text(MODULE)
    (tmp_path / "broken_parts.py").write_text("1 / 0")
    yield
    sys.modules.pop("my_parts", None)


def configured(**changed):
    config = digits.get_config()
    with config.unlocked():
        config.update_from_flattened_dict(changed)
    return config


def test_a_loss_an_optimizer_and_views_of_ones_own(here):
    config = configured(
        **{"loss.name": "my_parts:mean_difference", "optimizer.name": "my_parts:rms"},
        **{"views.name": "my_parts:Views"},
    )
    config.loss = {"name": "my_parts:mean_difference", "scale": 2.0}
    config.optimizer = {
        **{"name": "my_parts:rms", "rho": 0.25, "learning_rate": 0.1},
        **{"warmup_epochs": 1.0, "final_rate": 0.0},
    }
    assert (
        float(methods.loss(config)(keras.ops.ones((2, 3)), keras.ops.zeros((2, 3))))
        == 2
    )
    assert parts.optimizer(config, 10).rho == 0.25
    views = parts.views(config, 24)
    assert type(views).__name__ == "Views" and views.spec["image_size"] == 24


def test_a_loss_takes_of_the_keys_of_ours_what_it_knows():
    config = configured(**{"loss.name": "keras.losses:MeanSquaredError"})
    assert isinstance(methods.loss(config), keras.losses.MeanSquaredError)
    config = configured(**{"loss.name": "keras_twins.losses:HSICLoss"})
    assert isinstance(methods.loss(config), losses.HSICLoss)
    assert methods.loss(config).redundancy_weight == config.loss.redundancy_weight


def test_callbacks_are_made_in_order_with_their_arguments(here, capsys):
    config = configured()
    config.callbacks = (
        "my_parts:Watch",
        {"name": "keras.callbacks:CSVLogger", "filename": "log.csv"},
        "time:time",
        {"name": "my_parts:Watch", "word": "here"},
    )
    config_check.check(config)
    first, log, last = parts.further_callbacks(config)
    assert (first.word, log.filename, last.word) == ("none", "log.csv", "here")
    assert "callbacks[2]: called time:time, not a callback" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"loss.name": "no_such_module:x"},
            r"config.loss.name=no_such_module:x: .*import",
        ),
        ({"loss.name": "broken_parts:x"}, r"loss.name.*broken_parts cannot .*division"),
        ({"loss.name": "my_parts:x"}, r"loss.name=my_parts:x: my_parts has no x"),
        (
            {"loss.name": "my_parts:constant"},
            r"loss.name.*expected a function or a class",
        ),
        ({"loss.name": "my_parts:mean_difference"}, r"--config.loss: .*scale"),
        (
            {"loss.name": "builtins:dict"},
            r"loss.name: Invalid value for argument `loss`",
        ),
        ({"optimizer.name": "my_parts:rms"}, r"--config.optimizer: .*weight_decay"),
        (
            {"optimizer.name": "builtins:dict"},
            r"optimizer.name=.*expected a Keras optim",
        ),
        ({"views.name": "my_parts:rms"}, r"--config.views: .*rms"),
        ({"callbacks": ("my_parts:none",)}, r"callbacks\[0\].*has no none"),
        ({"callbacks": ("csv",)}, r"--config.callbacks=.*module:name"),
        ({"callbacks": ({"filename": "x"},)}, r"--config.callbacks=.*module:name"),
        (
            {"callbacks": ({"name": "my_parts:Watch", "w": 1},)},
            r"callbacks\[0\]: .*'w'",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(here, changed, message):
    config = configured(**changed)
    with pytest.raises(InputError, match=message) as raised:
        config_check.check(config)
        parts.views(config)
        methods.loss(config)
        parts.optimizer(config, 10)
        parts.check_callbacks(config)
        parts.further_callbacks(config)
    assert "\n" not in str(raised.value)
    assert named.is_named("a:b") and not named.is_named("adam")
