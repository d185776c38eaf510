"""Every configuration trains, with every option that it names."""

import importlib.util
import pathlib
import re

import pytest

from keras_twins import configs, training
from keras_twins.configs import common
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir

FILES = {
    path.stem: path
    for path in pathlib.Path(configs.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "common")
}


def get_config(name, options=""):
    spec = importlib.util.spec_from_file_location(name, FILES[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(options)


@pytest.mark.parametrize(
    ("name", "options"), [*((name, "test") for name in FILES), ("cifar10", "hsic,test")]
)
def test_trains(name, options, tmp_path):
    config = get_config(name, options)
    model = training.train(Run(config, Workdir(tmp_path)), verbose=0)
    assert int(model.optimizer.iterations) == 2 * (1437 // 256)
    assert type(model.loss).__name__ == (
        "HSICLoss" if "hsic" in options else "BarlowTwinsLoss"
    )
    assert (tmp_path / "encoder.keras").exists()


@pytest.mark.parametrize("name", FILES)
def test_is_a_document(name):
    text = FILES[name].read_text("utf-8")
    assert f"--config=configs/{name}.py" in text
    assert re.search("What it trains: .*[Mm]easured", text, re.DOTALL)


def test_official_settings_are_those_of_true_gradients():
    config = get_config("imagenet")
    rate = config.optimizer.learning_rate * 256 / config.batch_size
    assert rate == pytest.approx(0.2)
    assert 32 * rate * config.optimizer.exempt_rate == pytest.approx(0.0048)
    assert config.optimizer.weight_decay == pytest.approx(32e-6)


def test_an_option_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no option 'hsik'; there are hsic, official"):
        common.with_options(common.base(views="digits"), "hsik")
