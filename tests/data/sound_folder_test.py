"""Folders of recordings: what is understood, read, converted and left out."""

import numpy as np
import pytest
import recordings
import tensorflow as tf
from recordings import RATE, tone

from keras_twins import data
from keras_twins.augment import LogMel
from keras_twins.data import survey
from keras_twins.data.loading import open_source
from keras_twins.decode import host_sounds
from keras_twins.errors import InputError


def opened(root, split="train", **options):
    return open_source(f"sounds:{root}", split, **{"rate": RATE, **options})


def test_waveforms_and_classes_are_those_of_the_files(tmp_path):
    name = recordings.folder(tmp_path)
    found = data.load(name, labels=True, rate=RATE)
    assert len(found) == 12
    samples, label = next(iter(found))
    assert samples.dtype == tf.float32 and int(label) == 0
    np.testing.assert_allclose(samples, tone(0, 0.5), atol=4e-5)
    described = data.describe(name)
    assert described.image_shape == (None,) and described.num_images == 12
    assert described.class_names == ("class0", "class1", "class2")


def test_what_was_understood_is_said(tmp_path):
    recordings.write(tmp_path / "a" / "x.flac", tone(0), 44_100)
    recordings.write(tmp_path / "a" / "y.wav", np.stack([tone(1)] * 2, 1))
    recordings.write(tmp_path / "b" / "z.wav", tone(2), 4_000)
    (tmp_path / "b" / "cover.png").write_bytes(b"\x89PNG")
    lines = opened(tmp_path).understood()
    assert lines[0] == f"3 recordings in {tmp_path}"
    # 9 600 samples each: 0.22 s at 44.1 kHz, 1.2 s at 8 kHz, 2.4 s at 4 kHz.
    assert lines[1].startswith("0:00:04 h in all, 0.22 to 2.40 s each; ")
    assert "44,100 (1)" in lines[1] and "1 (2), 2 (1) channels" in lines[1]
    assert lines[2] == "read at 8,000 Hz (soxr HQ)"
    assert lines[3].startswith("1 at less than that")
    assert "2 classes: a 2, b 1" in lines and "1 other file ignored: .png 1" in lines
    assert "image" not in "\n".join(lines)


@pytest.mark.parametrize("name", ["esc10", "fsdd"])
def test_a_table_in_the_folder_has_labels_splits_and_folds(tmp_path, name):
    """The columns of the ESC-10 and spoken digits sets."""
    places = [f"clips/{number}.wav" for number in range(6)]
    for number, place in enumerate(places):
        recordings.write(tmp_path / place, tone(number, 0.2))
    (tmp_path / "README.md").touch()
    if name == "esc10":
        rows = [f"{place},rain,3,{i % 5 + 1}" for i, place in enumerate(places)]
        header = "file,label,target,fold"
    else:
        splits = ("train", "train", "test") * 2
        rows = [f"{p},{i % 2},george,{splits[i]}" for i, p in enumerate(places)]
        header = "file,label,speaker,split"
    (tmp_path / "clips.csv").write_text("\n".join([header, *rows]))
    source = opened(tmp_path)
    if name == "esc10":
        assert source.columns["fold"] == ["1", "2", "3", "4", "5", "1"]
        assert source.class_names == ("rain",)
        with pytest.raises(InputError, match="no split 'test'"):
            opened(tmp_path, "test")
        return
    assert [path.rsplit("/", 1)[1] for path in source.paths] == [
        *("0.wav", "1.wav", "3.wav", "4.wav")
    ]
    assert source.labels().tolist() == [0, 1, 1, 0]
    assert source.columns["speaker"] == ["george"] * 4
    assert "splits by the table's column split: test 2, train 4" in source.understood()
    assert opened(tmp_path, "testing").labels().tolist() == [0, 1]
    assert opened(tmp_path, ".").num_images == 6
    with pytest.raises(InputError, match="no split 'val': its table has test, train"):
        opened(tmp_path, "val")


def test_other_kinds_and_rates_are_converted_once_for_each_rate(tmp_path, capsys):
    recordings.write(tmp_path / "a.flac", tone(0, 0.3, 44_100), 44_100)
    name = f"sounds:{tmp_path}"
    for rate in (RATE, 16_000, RATE):
        (samples,) = data.load(name, rate=rate)
        expected = host_sounds.readable((tmp_path / "a.flac").read_bytes(), rate)
        whole = np.frombuffer(expected[44:], "<i2") / np.float32(2**15)
        np.testing.assert_array_equal(samples, whole)
    assert capsys.readouterr().out.count("read as WAV: 1 file that") == 2


def test_what_cannot_be_used_is_found_with_its_reason(tmp_path):
    whole = recordings.wav(tone(0))
    silence = np.zeros(1000)
    recordings.write(tmp_path / "silent.flac", silence)
    files = {
        "cut_off.wav": (whole[:-100], "is a WAV file that is cut off"),
        "empty.wav": (b"", "is an empty file"),
        "good.wav": (whole, None),
        "nothing.wav": (whole[:40] + b"\0" * 4, "holds no sample"),
        "picture.wav": (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "is not a recording"),
        "silent.wav": (recordings.wav(silence), "is silent"),
        "text.flac": (b"<html>", "is not a recording"),
        "torn.flac": (b"fLaC" + b"\0" * 99, "cannot be decoded"),
    }
    for name, (contents, _) in files.items():
        (tmp_path / name).write_bytes(contents)
    expected = {name: reason for name, (_, reason) in files.items() if reason}
    expected["silent.flac"] = "is silent"
    source = opened(tmp_path)
    bad = [place for _, place in survey.undecodable(source) if place is not None]
    reasons = survey.reasons(source, bad)
    found = {
        source.paths[i].rsplit("/", 1)[1]: r for i, r in zip(bad, reasons, strict=True)
    }
    assert sorted(found) == sorted(expected)
    for name, reason in expected.items():
        assert found[name].startswith(reason), (name, found[name])
        assert "\n" not in found[name]
    assert not any(map(source.repaired, bad))
    left = source.without(source.paths[i] for i in bad)
    assert left.num_images == 1


def test_an_empty_folder_is_one_line_about_recordings(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        opened(tmp_path)
    (tmp_path / "x.png").touch()
    with pytest.raises(InputError, match=r"no recordings in .*\.wav.*\.png 1"):
        opened(tmp_path)
    with pytest.raises(InputError, match="sounds: needs a path, as in sounds:/path"):
        open_source("sounds:", "train")


def test_log_mels_know_their_frames_and_are_of_the_files_rate(tmp_path):
    name = recordings.folder(tmp_path)
    front = LogMel(RATE, 512, 80, 16, 60.0, 3900.0)
    source = data.log_mels(data.load(name, rate=RATE), front).source
    frames = [int(tf.shape(log_mel)[1]) for log_mel in source.dataset()]
    assert source.frames.tolist() == frames and min(frames) == 96 < max(frames)
    assert np.diff(source.by_length().frames).min() >= 0
    with pytest.raises(ValueError, match="another rate.*rate=8000.*rate=16000"):
        data.log_mels(data.load(name, rate=RATE), LogMel())
    with pytest.raises(ValueError, match="made of recordings.*digits"):
        data.log_mels(data.load("digits"), LogMel())
