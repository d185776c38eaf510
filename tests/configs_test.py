"""Every configuration trains, with every option that it names."""

import importlib.util
import pathlib
import re

import pytest
import recordings

from keras_twins import configs, losses, models, training
from keras_twins.configs import common, methods
from keras_twins.report import findings, page
from keras_twins.runs import records
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir

FILES = {
    path.stem: path
    for path in pathlib.Path(configs.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "common", "methods", "sounds")
}
SOUNDS = ("esc10", "spoken_digits")

# Of each method the loss, the model, and whether it has a predictor and a teacher.
METHODS = {
    "mixed": (losses.BarlowTwinsLoss, models.MixedTwins, False, False),
    "vicreg": (losses.VICRegLoss, models.Twins, False, False),
    "frossl": (losses.FroSSLLoss, models.Twins, False, False),
    "sigreg": (losses.SIGRegLoss, models.Twins, False, False),
    "ssl_hsic": (losses.SSLHSICLoss, models.Twins, False, False),
    "simclr": (losses.NTXentLoss, models.Twins, False, False),
    "dcl": (losses.NTXentLoss, models.Twins, False, False),
    "simsiam": (losses.NegativeCosineLoss, models.Twins, True, False),
    "byol": (losses.NegativeCosineLoss, models.Twins, True, True),
}


def get_config(name, options=""):
    spec = importlib.util.spec_from_file_location(name, FILES[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(options)


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, "test") for name in FILES), ("cifar10", "hsic,test")]
    + [("esc10", "hsic,test")],
)
def test_trains(name, options, tmp_path):
    config = get_config(name, options)
    steps = 2 * (1437 // 256)
    if name in SOUNDS:
        config.dataset = recordings.folder(tmp_path / "recordings", 16)
        steps = 2 * (16 // 8)
    tmp_path = tmp_path / "run"
    model = training.train(Run(config, Workdir(tmp_path)), verbose=0)
    assert int(model.optimizer.iterations) == steps
    assert type(model.loss).__name__ == (
        "HSICLoss" if "hsic" in options else "BarlowTwinsLoss"
    )
    assert (tmp_path / "encoder.keras").exists()


@pytest.mark.parametrize("name", ["cifar10", "cifar10_quick"])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_and_its_report_reads_every_term(name, method, tmp_path):
    config = get_config(name, f"{method},test")
    config.evaluation.every_epochs = 0
    model = training.train(Run(config, Workdir(tmp_path)), verbose=0)
    loss, kind, predictor, teacher = METHODS[method]
    assert type(model.loss) is loss and type(model) is kind
    both = (model.predictor is not None, model.teacher is not None)
    assert both == (predictor, teacher)
    record = records.read(Run.read(Workdir(tmp_path)))
    assert set(record.term_names) == set(model.term_names) <= set(record.metrics[-1])
    found = findings.find(page.figures(record))
    topics = [finding.topic for finding in found]
    titles = [term.title for term in record.levels.terms.values()]
    assert topics[0] in ("Loss", "Diverged")
    assert set(titles) < set(topics), found
    text = " ".join(finding.text + finding.advice for finding in found)
    assert not re.search(r"\b(nan|inf)\b", text), text
    if method != "mixed":
        assert "redundancy_weight" not in text
    assert ("predictor" in record.parts, "teacher" in record.parts) == both


def test_the_files_name_the_methods_that_they_offer():
    assert tuple(METHODS) == methods.NAMES
    for name in ("cifar10", "cifar10_quick"):
        for method in METHODS:
            assert f":{method}" in FILES[name].read_text("utf-8")
            assert get_config(name, method).to_dict() != get_config(name).to_dict()


@pytest.mark.parametrize("options", ["vicreg,byol", "official,simclr", "hsic,vicreg"])
def test_options_that_exclude_each_other_are_named(options):
    with pytest.raises(ValueError, match="exclude each other: give one of them"):
        get_config("cifar10", options)


def test_mixed_images_take_the_loss_of_the_note_too():
    config = get_config("cifar10", "mixed,hsic,test")
    assert (config.loss.name, config.model.name) == ("hsic", "mixed_twins")


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
