"""The embeddings of a run's images: made once, kept, and made anew when need be."""

import os
import types

import keras
import numpy as np
import pytest
from small_folders import tiny_config, write_image

from keras_twins import evaluation, files
from keras_twins.commands import audit, explore, neighbours, searched
from keras_twins.errors import InputError
from keras_twins.runs import embedded
from keras_twins.runs import images as of_runs
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir, as_data

_FILES = ("train/a/0.png", "train/a/1.png", "train/b/2.png", "test/a/3.png")


def _write_encoder(workdir, seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(inputs))
    keras.Model(inputs, outputs).save(workdir.encoder)


@pytest.fixture
def workdir(tmp_path):
    """A run on a folder with two splits and two classes, as if it had ended."""
    for level, name in enumerate(_FILES):
        write_image(tmp_path / "images" / name, level)
    found = Workdir(tmp_path / "run")
    found.path.mkdir()
    config = tiny_config(tmp_path / "images", **{"evaluation.image_size": 8})
    files.write_json(found.config, as_data(config))
    _write_encoder(found, 0)
    return found


def test_the_embeddings_of_both_splits_are_kept(workdir, tmp_path, monkeypatch):
    run = Run.read(workdir)
    found = embedded.of_run(run)
    images = tmp_path / "images"
    assert found.paths == [str(images / name) for name in _FILES]
    assert found.columns["split"].tolist() == ["train"] * 3 + ["test"]
    assert found.columns["class"].tolist() == ["a", "a", "b", "a"]
    batches = of_runs.whole_source(run, run.source("train"))
    expected, _ = evaluation.embed(run.trained_encoder(), batches)
    np.testing.assert_allclose(found.embeddings[:3], expected, rtol=1e-5)
    assert sorted(p.name for p in workdir.path.iterdir() if "embed" in p.name) == [
        "embeddings.json",
        "embeddings.parquet",
    ]
    monkeypatch.setattr(embedded, "_embed", None)
    again = embedded.of_run(Run.read(workdir))
    np.testing.assert_array_equal(again.embeddings, found.embeddings)


def test_they_follow_the_encoder_and_the_images(workdir, tmp_path):
    first = embedded.of_run(Run.read(workdir)).embeddings
    _write_encoder(workdir, 1)
    second = embedded.of_run(Run.read(workdir)).embeddings
    assert not np.allclose(first, second)
    changed = tmp_path / "images" / "train/a/1.png"
    write_image(changed, 9)
    os.utime(changed, ns=(1, 1))
    third = embedded.of_run(Run.read(workdir)).embeddings
    same = np.isclose(second, third).all(axis=1)
    assert same.tolist() == [True, False, True, True]


def test_a_file_of_two_splits_is_there_once(workdir):
    run = Run.read(workdir, train_split=".")
    found = embedded.of_run(run)
    assert len(found.paths) == len(set(found.paths)) == 4


def test_a_query_that_was_trained_on_is_not_its_own_neighbour(workdir, tmp_path):
    among = searched.OfRun(Run.read(workdir))
    query = str(tmp_path / "images" / "train/a/1.png")
    (answer,) = neighbours.find(among, [query], 9)
    assert sorted(answer.rows.tolist()) == [0, 2]
    assert among.name(0) == str(tmp_path / "images" / "train/a/0.png")
    assert among.thumbnails([0, 2], 16)[2].size == (16, 16)


def test_audit_tells_leaks_by_the_splits_of_the_run(workdir, tmp_path, capsys):
    write_image(tmp_path / "images" / "test/b/5.png", 2)
    flags = {"workdir": str(workdir.path), "embeddings": None}
    flags["output"] = str(tmp_path / "audit.html")
    audit.main(types.SimpleNamespace(**flags), [])
    assert "1 test file also in train" in capsys.readouterr().out


def test_explore_shows_a_run_and_searches_with_its_encoder(workdir, tmp_path, capsys):
    given = dict.fromkeys(("embeddings", "model_dir", "labels", "selected"))
    flags = types.SimpleNamespace(**given, workdir=str(workdir.path))
    data = explore.open_data(flags)
    kept = workdir.path / "embeddings.parquet.map.npz"
    assert f"4 files; the map is PCA, kept in {kept}" in capsys.readouterr().out
    assert data.about()["colours"][0] == "class"
    contents = (tmp_path / "images" / "train/b/2.png").read_bytes()
    rows, similarities = data.search(contents, 1)
    assert rows == [2] and similarities[0] == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match="the image is not a JPEG"):
        data.search(b"not a picture", 1)
    data.close()
    flags.model_dir = "models/embedder"
    with pytest.raises(InputError, match="--model_dir=.* needs --embeddings"):
        explore.open_data(flags)


def test_what_cannot_be_embedded(workdir, small_run, tmp_path):
    flags = {"workdir": str(small_run(1)[0].path), "embeddings": None}
    flags["output"] = str(tmp_path / "audit.html")
    with pytest.raises(InputError, match="the images of digits are not files"):
        audit.main(types.SimpleNamespace(**flags), [])
    flags["embeddings"] = "e.npz"
    with pytest.raises(InputError, match="--workdir or --embeddings, and not both"):
        audit.main(types.SimpleNamespace(**flags), [])
    encoder = keras.models.load_model(workdir.encoder)
    weights = encoder.get_weights()
    weights[0][:] = np.nan
    encoder.set_weights(weights)
    encoder.save(workdir.encoder)
    with pytest.raises(InputError, match=r"--workdir=.*run: 4 of 4 rows hold NaN"):
        searched.OfRun(Run.read(workdir))
