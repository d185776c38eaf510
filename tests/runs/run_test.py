"""A run: what is opened, how often, and what reaches the outside."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_twins import listing
from keras_twins.commands import evaluate, export
from keras_twins.configs import digits
from keras_twins.data import folder
from keras_twins.errors import InputError
from keras_twins.report import page
from keras_twins.runs import records
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train


@pytest.fixture
def images(tmp_path):
    """Twelve images in two splits, of which one file is torn."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), np.uint8)
    for index, image in enumerate(pixels):
        split = tmp_path / "images" / ("train" if index < 9 else "test")
        path = split / ("even", "odd")[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    torn = tmp_path / "images" / "train" / "even" / "torn.png"
    torn.write_bytes(path.read_bytes()[:40])
    return tmp_path / "images"


def tiny_config(images, **overrides):
    config = digits.get_config()
    config.dataset = f"folder:{images}"
    config.batch_size = 8
    config.max_bad_images = 0.5
    config.encoder.widths = (4,)
    config.encoder.depths = (1,)
    config.projector = (8,)
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    config.update_from_flattened_dict(overrides)
    return config


def test_a_training_lists_each_split_once(images, tmp_path, monkeypatch):
    listed = []
    original = listing.walk

    def walk(folder, suffixes, skip=()):
        listed.append(folder)
        return original(folder, suffixes, skip)

    monkeypatch.setattr(folder.listing, "walk", walk)
    train(Run(tiny_config(images), Workdir(tmp_path / "run")), verbose=0)
    below = [folder for folder in listed if folder != str(images)]
    assert sorted(below) == [str(images / "test"), str(images / "train")]


def test_what_is_published_names_no_local_file(images, tmp_path):
    workdir = Workdir(tmp_path / "run")
    train(Run(tiny_config(images), workdir), verbose=0)
    assert workdir.read_bad_images() == {str(images / "train" / "even" / "torn.png")}
    version = export.export(Run.read(workdir), tmp_path / "embedder")
    published = json.loads((version / "assets.extra/keras_twins.json").read_text())
    assert published["metadata"]["config"] == json.loads(workdir.config.read_text())
    assert "bad_images" not in published["metadata"]["config"]


def test_a_teacher_is_evaluated_and_exported_where_it_is_asked_for(images, tmp_path):
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(images, **{"model.momentum": 0.5, "epochs": 3})
    trained = train(Run(config, workdir), verbose=0)
    run = Run.read(workdir)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    normalised = (pixels / 255 - config.views.mean) / config.views.std
    found = {}
    for network, own in (("student", trained), ("teacher", trained.teacher)):
        found[network] = run.trained_encoder(network)(pixels).numpy()
        expected = own.encoder(normalised).numpy()
        np.testing.assert_allclose(found[network], expected, rtol=1e-3, atol=1e-5)
    assert np.abs(found["student"] - found["teacher"]).max() > 1e-3
    evaluate.evaluate(run, verbose=0, network="teacher")
    facts = {n: export.metadata(run, n) for n in found}
    assert facts["teacher"]["evaluation"]["network"] == "teacher"
    assert "evaluation" not in facts["student"]
    record = records.read(run)
    assert records.network(record.evaluation) == "teacher"
    assert "The trained encoder is the teacher" in page.render(
        [page.Run(record, "", "")]
    )


def test_a_run_without_a_teacher_says_so_in_a_line(images, tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.claim(tiny_config(images))
    with pytest.raises(InputError, match="--network=teacher: .* has no teacher .*stud"):
        workdir.check_network("teacher")
    workdir.check_network("student")


def test_sources_are_opened_once_and_leave_files_out(images):
    run = Run(tiny_config(images))
    source = run.train_source
    assert run.source("train") is source and source.num_images == 10
    run.leave_out({str(images / "train" / "even" / "torn.png")})
    assert run.train_source.num_images == 9
    labels = [int(label) for _, label in run.train_source.dataset(labels=True)]
    names = [path.split("/")[-2] for path in run.train_source.paths]
    assert [run.train_source.class_names[label] for label in labels] == names
    with pytest.raises(InputError, match="no image that can be read"):
        run.leave_out(source.paths)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"evaluation.image_size": 32}, r"evaluation.image_size=32 does not fit.*16"),
        ({"evaluation.resize": 8}, r"evaluation.resize=8: expected at least"),
        ({"evaluation.temperature": 0.0}, r"temperature=0.0: expected a number above"),
        ({"optimizer.momentum": 0.9}, r"--config.optimizer.*momentum"),
    ],
)
def test_a_configuration_that_cannot_end_claims_nothing(
    images, tmp_path, overrides, message
):
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(images)
    with config.unlocked():
        config.update_from_flattened_dict(overrides)
        if "optimizer.momentum" in overrides:
            config.optimizer.momentum = 0.9
    with pytest.raises(InputError, match=message):
        train(Run(config, workdir), verbose=0)
    assert not workdir.path.exists()


def test_a_configuration_without_a_key_is_one_line(images, tmp_path):
    config = tiny_config(images)
    with config.unlocked():
        del config["epochs"]
    with pytest.raises(InputError, match="has no key 'epochs'"):
        train(Run(config, Workdir(tmp_path / "run")), verbose=0)
