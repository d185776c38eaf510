"""A run on files as people have them: converted, levelled, and each accounted for."""

import io
import json
import pathlib
import shutil
import zlib

import numpy as np
import prepared_data
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from small_folders import ONE, first_pass_only, tiny_config, write_image

from keras_twins.commands.evaluate import evaluate
from keras_twins.commands.export import export
from keras_twins.data import converted
from keras_twins.errors import InputError
from keras_twins.runs import levels
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv(converted.FOLDER_VARIABLE, str(folder))
    return folder


def write_deep(path, low, high, hot=None):
    """A 16-bit image whose samples are from `low` to `high`, but for one hot pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.linspace(low, high, 64 * 64).reshape(64, 64).round().astype(np.uint16)
    if hot is not None:
        samples[0, 0] = hot
    Image.fromarray(samples).save(path)


@pytest.fixture
def root(tmp_path):
    """Twenty images in two splits, a third of them TIFFs of 12 bits."""
    folder = tmp_path / "images"
    for split in ("Training", "Testing"):
        for index in range(12 if split == "Training" else 8):
            name = folder / split / ("a", "b")[index % 2] / f"{index:02d}"
            if index % 3:
                write_image(name.with_suffix(".png"), index)
            else:
                write_deep(name.with_suffix(".tif"), 100, 4000, hot=65535)
    (folder / "Training" / "notes.txt").touch()
    return folder


def test_a_run_from_training_to_export(root, tmp_path, cache, capsys):
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(root, **{"evaluation.every_epochs": 1, "evaluation.k": 2})
    train(Run(config, workdir, ONE), verbose=0)
    out = capsys.readouterr().out
    for said in (
        f"folder:{root}, train: 12 images in {root}/Training",
        "2 classes: a 6, b 6",
        "1 other file ignored: .txt 1",
        f"folder:{root}, test: 8 images in {root}/Testing",
        "4 files that TensorFlow does not read",
        f"the cache {cache} has 4 files",
        "all can be read",
        "4 images of 16 bits were looked at",
        "from 105 to 3997 of 65535",
        "--config.levels=0,65535",
    ):
        assert said in out, said
    # Told once: what holds for both splits.
    assert out.count("splits: train in") == 1
    assert workdir.read_levels() == (105, 3997)
    # A deleted cache is made again by whatever reads the run's data next.
    shutil.rmtree(cache)
    again = Run.read(workdir)
    assert again.levels == (105, 3997)
    deep = next(iter(again.source("test").dataset()))
    assert deep.numpy().min() == 0 and deep.numpy().max() == 255
    assert abs(np.median(deep) - 127.5) <= 1
    assert evaluate(again, verbose=0)
    assert len(list(cache.rglob("*.png"))) == 7
    # The export makes the same of a file as the run does.
    version = export(again, tmp_path / "embedder")
    model = tf.saved_model.load(str(version))
    path = next(iter(again.source("test").originals))
    contents = tf.constant([pathlib.Path(path).read_bytes()])
    served = model.signatures["serving_default"](contents)
    (embedding,) = served.values()
    pixels = again.source("test").decoder.read(path)
    images = tf.image.resize(
        tf.cast(pixels, tf.float32)[None], (16, 16), antialias=True
    )
    expected = again.trained_encoder()(images).numpy()
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(embedding, expected, atol=2e-3)


def test_levels_stay_and_can_be_given(root, tmp_path, cache):
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(root)
    first_pass_only(config, workdir)
    known = json.loads(workdir.images.read_text())
    assert known["levels"] == [105, 3997]
    write_deep(root / "Training" / "a" / "bright.png", 0, 65535)
    first_pass_only(config, workdir)
    assert workdir.read_levels() == (105, 3997)
    given = Workdir(tmp_path / "given")
    config.levels = "0,4095"
    first_pass_only(config, given)
    assert given.read_levels() == (0, 4095)
    assert Run(config).train_source.decoder.levels == (0, 4095)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 65535, None), (0, 33000, None), (0, 1023, (1, 1022)), (500, 500, None)],
)
def test_levels_are_those_of_a_part_of_the_range_alone(tmp_path, low, high, found):
    write_deep(tmp_path / "images" / "a.png", low, high)
    config = tiny_config(tmp_path / "images")
    assert levels.found(Run(config).train_source) == found


@pytest.mark.parametrize("value", ["dark", "5", "5,1", "0,65536", "-1,5", "1,2,3"])
def test_levels_that_are_none_are_one_line(tmp_path, value):
    config = tiny_config(tmp_path)
    config.levels = value
    with pytest.raises(
        InputError, match="--config.levels=.*auto, or two whole numbers"
    ):
        Run(config)


def test_every_odd_file_is_accounted_for(root, tmp_path, cache, capsys):
    part = root / "Training" / "a"
    whole = (part / "02.png").read_bytes()
    (part / "cut.png").write_bytes(whole[: len(whole) // 2])
    (part / "text.jpg").write_text("no image")
    (part / "more.jpg").write_text("no image either")
    (part / "torn.tif").write_bytes((part / "00.tif").read_bytes()[:3000])
    (part / "same.png").write_bytes(whole)
    workdir = Workdir(tmp_path / "run")
    first_pass_only(tiny_config(root, max_bad_images=0.5), workdir)
    out = capsys.readouterr().out
    assert "17 images in" in out and "13 are used, 4 left out" in out
    assert f"2: {part}/more.jpg is not" in out
    assert f"1: {part}/cut.png cannot be decoded" in out
    assert f"1: {part}/torn.tif cannot be decoded" in out
    listed = dict(map(json.loads, workdir.bad_images.read_text().splitlines()))
    names = ["cut.png", "more.jpg", "text.jpg", "torn.tif"]
    assert sorted(listed) == [str(part / name) for name in names]
    assert all(reason and "\n" not in reason for reason in listed.values())
    assert workdir.read_bad_images() == set(listed)


def test_a_list_of_names_alone_is_read(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.bad_images.write_text('"/a/b.png"\n["/c.png", "is not an image"]\n')
    assert workdir.read_bad_images() == {"/a/b.png", "/c.png"}


def test_what_only_pillow_reads_is_converted_and_stays_so(
    root, tmp_path, cache, capsys
):
    """A file that looks as the graph reads it, and that the graph refuses."""
    odd = root / "Training" / "a" / "odd.png"
    odd.write_bytes(_with_an_unknown_chunk(root / "Training" / "a" / "02.png"))
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(root)
    first_pass_only(config, workdir)
    assert "1 more image read as PNG" in capsys.readouterr().out
    assert workdir.read_converted_images() == {str(odd)}
    assert not workdir.read_bad_images()
    shutil.rmtree(cache)
    run = Run.read(workdir)
    assert str(odd) in run.train_source.originals.values()
    assert len(list(run.train_source.dataset())) == 13


def _with_an_unknown_chunk(path):
    """A PNG with a critical chunk that nobody knows, as some tools write them."""
    contents = path.read_bytes()
    at = contents.index(b"IDAT") - 4
    chunk = b"TEST"
    chunk = b"\0\0\0\0" + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return contents[:at] + chunk + contents[at:]


def test_an_example_that_cannot_be_decoded_is_left_out_and_named(tmp_path, capsys):
    """The first pass is one for folders and TensorFlow Datasets."""
    image = io.BytesIO()
    Image.new("RGB", (12, 12)).save(image, "PNG")

    def example(index):
        contents = b"no image" if index == 5 else image.getvalue()
        return {"image": io.BytesIO(contents)}

    features = {"image": tfds.features.Image()}
    prepared_data.prepare(tmp_path / "prepared", "holes", features, example)
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(
        "", dataset="holes", data_dir=str(tmp_path / "prepared"), batch_size=7
    )
    first_pass_only(config, workdir)
    out = capsys.readouterr().out
    assert "7 are used, 1 left out" in out and "1: train[5] is not a" in out
    (line,) = workdir.bad_images.read_text().splitlines()
    assert json.loads(line)[0] == "train[5]"
    assert Run.read(workdir).train_source.num_images == 7
    first_pass_only(config, workdir)
    assert "looking at" not in capsys.readouterr().out
