"""What a browser is given of recordings, and what of them is drawn."""

import io

import numpy as np
import pytest
import recordings
import soundfile

from keras_twins.augment import LogMel
from keras_twins.decode import host_log_mels, host_sounds, playing
from keras_twins.decode.errors import Unreadable

_KINDS = {
    "WAV": ("PCM_16", "audio/wav"),
    "FLAC": ("PCM_16", "audio/flac"),
    "OGG": ("VORBIS", "audio/ogg"),
    "MP3": ("MPEG_LAYER_III", "audio/mpeg"),
}


def _write(path, kind, subtype, samples, rate=16_000):
    soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    return path


@pytest.mark.parametrize("kind", _KINDS)
def test_what_browsers_play_is_played_as_it_is(tmp_path, kind):
    subtype, name = _KINDS[kind]
    path = _write(tmp_path / "sound", kind, subtype, recordings.tone(0))
    assert playing.is_recording(path) and playing.type_of(path) == name
    assert playing.playable(path) == (path.read_bytes(), name)


@pytest.mark.parametrize(
    ("kind", "subtype"), [("AIFF", "PCM_16"), ("WAV", "ULAW"), ("WAVEX", "PCM_24")]
)
def test_anything_else_becomes_a_wav_at_its_own_rate(tmp_path, kind, subtype):
    samples = recordings.tone(1, rate=22_050)
    path = _write(tmp_path / "sound", kind, subtype, samples, 22_050)
    assert playing.is_recording(path) and playing.type_of(path) is None
    contents, name = playing.playable(path)
    found, rate = soundfile.read(io.BytesIO(contents))
    assert (name, rate) == ("audio/wav", 22_050)
    np.testing.assert_allclose(found, samples, atol=2e-2)


def test_of_a_large_file_the_beginning_is_played(tmp_path, monkeypatch):
    samples = np.stack([recordings.tone(2, 3, 96_000)] * 2, axis=1)
    path = _write(tmp_path / "sound", "WAV", "PCM_16", samples, 96_000)
    monkeypatch.setattr(playing, "_MOST_BYTES", 10_000)
    monkeypatch.setattr(playing, "SECONDS", 2.0)
    contents, _ = playing.playable(path)
    assert host_sounds.facts(path).seconds == 3
    (tmp_path / "played.wav").write_bytes(contents)
    assert host_sounds.facts(tmp_path / "played.wav") == host_sounds.Facts(2, 48_000, 1)


def test_no_other_file_is_played(tmp_path):
    found = {"a.jpg": b"\xff\xd8\xff\xe0", "a.heic": b"\0\0\0\x18ftypheic", "a": b""}
    for name, contents in found.items():
        path = tmp_path / name
        path.write_bytes(contents + bytes(100) if contents else b"")
        assert not playing.is_recording(path) and playing.type_of(path) is None
        with pytest.raises(Unreadable):
            playing.playable(path)
    assert playing.type_of(tmp_path / "gone.wav") is None


@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_what_is_drawn_is_the_log_mel_of_the_front_end(tmp_path, rate):
    path = _write(
        tmp_path / "a.wav", "WAV", "PCM_16", recordings.tone(3, 2, rate), rate
    )
    found = host_log_mels.log_mel(path, 60)
    samples = playing.beginning(path, 16_000, 60) / 2**15
    np.testing.assert_allclose(found, LogMel()(samples), atol=5e-3)


def test_no_more_than_the_beginning_is_read(tmp_path):
    samples = recordings.tone(4, 3, 16_000)
    path = _write(tmp_path / "a.flac", "FLAC", "PCM_16", samples)
    found = playing.beginning(path, 16_000, 1.5)
    np.testing.assert_allclose(found / 2**15, samples[:24_000], atol=4e-5)
    assert host_log_mels.log_mel(path, 1.5).shape == (64, 151, 1)


def test_a_recording_shorter_than_a_window_is_drawn(tmp_path):
    path = _write(tmp_path / "a.wav", "WAV", "PCM_16", np.full(20, 0.5))
    assert host_log_mels.log_mel(path, 60).shape == (64, 7, 1)
