"""A run of recordings, from its configuration to the tables of its evaluation."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
import recordings
import tensorflow as tf

from keras_twins.commands import report
from keras_twins.commands.export import export
from keras_twins.commands.recordings import evaluate
from keras_twins.configs import digits, esc10, spoken_digits
from keras_twins.errors import InputError
from keras_twins.export.loading import load_function
from keras_twins.runs import embedded, images, of_sounds, parts, stops
from keras_twins.runs.embedder import RunEmbedder
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train


def configured(dataset, **changed):
    config = spoken_digits.get_config("test")
    config.dataset = dataset
    config.checkpoint.every_steps = 1
    config.update_from_flattened_dict(changed)
    return config


class AskedAfter:
    """A request to stop after some steps."""

    def __init__(self, steps):
        self._left = steps

    @property
    def asked(self):
        self._left -= 1
        return self._left < 0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Sixteen recordings in three classes, by two speakers, and three that are none."""
    folder = tmp_path_factory.mktemp("recordings")
    recordings.folder(folder, 16)
    recordings.write(folder / "class0" / "silent.wav", np.zeros(9000))
    whole = recordings.wav(recordings.tone(0))
    (folder / "class1" / "cut.wav").write_bytes(whole[:-500])
    (folder / "class1" / "text.wav").write_text("not a recording")
    rows = ["file,label,speaker"]
    for path in sorted(folder.rglob("*.wav")):
        speaker = "ada" if int(path.stem, 36) % 2 else "bob"
        rows.append(f"{path.relative_to(folder)},{path.parent.name},{speaker}")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    workdir = Workdir(tmp_path_factory.mktemp("runs") / "whole")
    config = configured(f"sounds:{root}", max_bad_images=0.5)
    model = train(Run(config, workdir), verbose=0)
    return workdir, model


def last_weights(workdir):
    with np.load(sorted(workdir.checkpoints.glob("*.npz"))[-1]) as file:
        return dict(file)


def test_what_cannot_be_used_is_left_out_and_the_rest_is_trained_on(root, trained):
    workdir, model = trained
    assert int(model.optimizer.iterations) == 2 * (16 // 8)
    names = {str(root / name) for name in ("class1/cut.wav", "class1/text.wav")}
    assert workdir.read_bad_images() == {*names, str(root / "class0" / "silent.wav")}
    assert not json.loads(workdir.measures.read_text())["missing"]
    listed = workdir.bad_images.read_text()
    assert "is silent: all of its samples are 0" in listed and "image" not in listed


def test_a_stopped_run_ends_bit_for_bit_as_the_undisturbed_one(root, trained, tmp_path):
    whole, _ = trained
    stopped = Workdir(tmp_path / "stopped")
    config = configured(f"sounds:{root}", max_bad_images=0.5)
    with pytest.raises(stops.Stopped, match="step 1 of epoch"):
        train(Run(config, stopped), verbose=0, request=AskedAfter(0))
    train(Run(config, stopped), verbose=0)
    expected, found = last_weights(whole), last_weights(stopped)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert value.tobytes() == found[name].tobytes(), name


def test_statistics_are_those_of_the_collection_and_travel_with_the_encoder(trained):
    workdir, model = trained
    run = Run.read(workdir)
    log_mels = list(run.train_source.dataset().as_numpy_iterator())
    assert len(log_mels) == 16
    values = np.concatenate([log_mel.ravel() for log_mel in log_mels])
    assert run.config.views.mean == pytest.approx(values.mean(), abs=1e-4)
    assert run.config.views.std == pytest.approx(values.std(), abs=1e-4)
    assert json.loads(workdir.plan.read_text())["views.mean"] == run.config.views.mean
    assert parts.views(run.config).spec["mean"] == run.config.views.mean
    encoder = keras.models.load_model(workdir.encoder, compile=False)
    assert encoder.input_shape == (None, 64, None, 1)
    normalised = (log_mels[3] - run.config.views.mean) / run.config.views.std
    np.testing.assert_allclose(
        encoder(log_mels[3][None]), model.encoder(normalised[None]), atol=1e-4
    )


def test_statistics_do_not_depend_on_what_fits_in_memory(trained, monkeypatch):
    workdir, _ = trained
    run = Run.read(workdir)
    run.config.views.update(mean=None, std=None)
    found = of_sounds.statistics(run.config, run.train_source)
    monkeypatch.setattr("keras_twins.data.memory.MEMORY_SHARE", 0.0)
    source = run.train_source.by_length()
    streamed = of_sounds.statistics(run.config, source)
    assert streamed == pytest.approx(found, abs=1e-9)


def test_evaluation_has_a_table_of_speakers_and_three_encoders(trained, capsys):
    workdir, _ = trained
    tables = evaluate(Run.read(workdir), verbose=0)
    assert list(tables) == ["speaker"]
    names = [row.name for row in tables["speaker"]]
    assert names[1:] == ["raw statistics", "untrained encoder", "trained encoder"]
    assert all(row.knn_deviation is not None for row in tables["speaker"])
    out = " ".join(capsys.readouterr().out.split())
    assert "speaker: mean ± standard deviation of 2 folds" in out
    written = json.loads(workdir.evaluation.read_text())
    assert written["recordings"] == 16
    assert written["divisions"][0]["folds"] == 2
    assert written["rows"] == written["divisions"][0]["rows"]


def test_the_exported_model_embeds_a_file_as_evaluation_does(trained, tmp_path):
    workdir, _ = trained
    run = Run.read(workdir)
    version = export(run, tmp_path / "model")
    source = run.train_source.by_length()
    expected = images.embeddings([source], run.trained_encoder())
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)  # As it is served.
    embed = load_function(version, "serving_default", "audio_bytes")
    for path, embedding in zip(source.paths, expected, strict=True):
        contents = tf.constant([pathlib.Path(path).read_bytes()])
        np.testing.assert_allclose(embed(contents)[0], embedding, atol=1e-4)


def test_the_embeddings_of_a_run_are_kept_and_those_of_other_files_like_them(
    trained, tmp_path
):
    workdir, _ = trained
    run = Run.read(workdir)
    found = embedded.of_run(run)
    source = run.train_source
    assert found.paths == source.paths
    assert set(found.columns["split"]) == {"train"}
    assert found.columns["class"].tolist() == [
        pathlib.Path(path).parent.name for path in source.paths
    ]
    expected = images.embeddings([source], run.trained_encoder())
    np.testing.assert_allclose(found.embeddings, expected, atol=1e-5)
    embedder = RunEmbedder(run)
    given = [found.paths[2], pathlib.Path(found.paths[5]).read_bytes()]
    rows = embedder.embed(given)
    np.testing.assert_allclose(rows, found.embeddings[[2, 5]], atol=1e-4)
    recordings.write(tmp_path / "other.flac", recordings.tone(2, rate=22_050), 22_050)
    assert embedder.embed([tmp_path / "other.flac"]).shape == rows[:1].shape
    with pytest.raises(InputError, match="the recording is not a recording"):
        embedder.embed([b"text"])
    with pytest.raises(InputError, match="'gone.wav' does not exist; expected a rec"):
        embedder.embed(["gone.wav"])
    made_of = json.loads(workdir.embeddings_made_of.read_text())
    assert made_of["log_mel"]["rate"] == run.config.log_mel.rate


def test_the_report_shows_a_run(trained, tmp_path):
    workdir, _ = trained
    report.write([workdir], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Traceback" not in page
    for missing in ("No map:", "No views:"):
        assert missing not in page
    assert "16 recordings of split" in page
    assert page.count('alt="log-mel"') == page.count('alt="view b"') == 6
    heard = [path for path in Run.read(workdir).train_source.paths if path in page]
    assert len(heard) == 16
    assert f'data-sound="{os.path.relpath(heard[0], tmp_path)}"' in page
    assert workdir.path.name in page and "What the numbers say" in page
    assert "Cross-correlation of the two views" in page


def test_configurations_and_collections_of_other_modalities_are_one_line(root):
    with pytest.raises(InputError, match=r"sounds:.*--config=configs/esc10.py"):
        config = digits.get_config("test")
        config.dataset = f"sounds:{root}"
        Run(config)
    with pytest.raises(InputError, match="dataset=digits.*give sounds:/path"):
        Run(configured("digits"))
    with pytest.raises(InputError, match="--config.log_mel: .*`low` and `high`"):
        Run(configured(f"sounds:{root}", **{"log_mel.high": 5000.0})).source("train")
    with pytest.raises(InputError, match="--config.encoder.name=keras_hub:x"):
        parts.encoder(configured("sounds:x", **{"encoder.name": "keras_hub:x"}))
    with pytest.raises(InputError, match=r"--config.sizes=.*--config.views.frames"):
        parts.stages(configured("sounds:x", sizes=((32, 1),)))


def test_the_paper_s_front_end_and_views_are_the_configured_ones():
    config = esc10.get_config()
    front = of_sounds.front_end(config)
    assert (front.rate, front.window, front.hop, front.bands) == (16_000, 1024, 160, 64)
    spec = of_sounds.views(config).spec
    assert (spec["frames"], spec["mixup"], spec["fader"]) == (96, 0.2, 1.0)
    encoder = parts.encoder(config)
    assert encoder.count_params() == 134_192
    assert encoder(tf.zeros((1, 64, 120, 1))).shape == (1, 512)
