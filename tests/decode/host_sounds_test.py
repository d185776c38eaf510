"""Recordings of all kinds become the WAV that the graph reads."""

import io
import struct
import sys
import wave

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from keras_twins.decode import host_sounds

RATE = 16_000
# A sweep with a little noise, half a second long, -12 dB.
_TIME = np.arange(RATE // 2) / RATE
SOUND = 0.25 * np.sin(2 * np.pi * (200 + 2000 * _TIME) * _TIME)
SOUND += np.random.default_rng(0).normal(0, 0.01, len(SOUND))


def _encode(samples, kind, subtype, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def _samples(contents):
    """By Python's own reader of WAV, which knows 16 bits."""
    with wave.open(io.BytesIO(contents)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples / 2**15, file.getframerate()


# What rounding to the samples of each kind leaves of the sound, at most.
_KINDS = [
    *(("WAV", "PCM_24", 2e-5), ("WAV", "PCM_32", 2e-5), ("WAV", "FLOAT", 2e-5)),
    *(("WAV", "DOUBLE", 2e-5), ("WAV", "PCM_U8", 8e-3), ("WAV", "ULAW", 2e-2)),
    *(("WAVEX", "PCM_24", 2e-5), ("RF64", "PCM_16", 4e-5), ("W64", "PCM_16", 4e-5)),
    *(("AIFF", "PCM_16", 4e-5), ("AU", "PCM_16", 4e-5), ("CAF", "PCM_16", 4e-5)),
    *(("FLAC", "PCM_16", 4e-5), ("FLAC", "PCM_24", 2e-5), ("OGG", "VORBIS", 0.2)),
]


@pytest.mark.parametrize(("kind", "subtype", "off"), _KINDS)
def test_every_kind_becomes_the_same_sound(kind, subtype, off):
    contents = _encode(SOUND, kind, subtype)
    assert host_sounds.needs_conversion(contents, RATE)
    found, rate = _samples(host_sounds.readable(contents, RATE))
    assert rate == RATE
    np.testing.assert_allclose(found, SOUND, atol=off)


def test_an_mp3_is_read_as_soundfile_reads_it():
    contents = _encode(SOUND, "MP3", "MPEG_LAYER_III")
    expected, _ = soundfile.read(io.BytesIO(contents))
    found, _ = _samples(host_sounds.readable(contents, RATE))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_what_the_graph_reads_stays_as_it_is():
    contents = _encode(SOUND, "WAV", "PCM_16")
    assert host_sounds.readable(contents, RATE) is contents
    stereo = _encode(np.stack([SOUND, -SOUND], 1), "WAV", "PCM_16")
    assert host_sounds.readable(stereo, RATE) is stereo
    extensible = _encode(SOUND, "WAVEX", "PCM_16")
    assert host_sounds.readable(extensible, RATE) is extensible
    # WAV allows other chunks before those of the format and the samples.
    junk = b"JUNK" + struct.pack("<I", 5) + b"12345\0"
    shifted = contents[:12] + junk + contents[12:]
    assert host_sounds.readable(shifted, RATE) is shifted
    for not_a_recording in (b"", b"RIFF", b"\x89PNG\r\n", b"<html>"):
        assert host_sounds.readable(not_a_recording, RATE) is not_a_recording


def test_channels_are_averaged_and_the_rate_is_changed_by_the_one_resampler():
    stereo = np.stack([SOUND, 0.5 * SOUND], 1)
    found, _ = _samples(host_sounds.readable(_encode(stereo, "FLAC", "PCM_24"), RATE))
    np.testing.assert_allclose(found, 0.75 * SOUND, atol=2e-5)
    # Longer than a block, so that several are put together.
    long = np.tile(SOUND, 20).astype(np.float32)
    for rate in (44_100, 8_000):
        contents = host_sounds.readable(_encode(long, "WAV", "FLOAT", rate), RATE)
        found, found_rate = _samples(contents)
        expected = soxr.resample(long, rate, RATE, quality="HQ")
        assert found_rate == RATE and len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_what_is_beyond_full_scale_is_cut_to_it():
    loud = np.array([0.0, 1.5, -1.5, 0.5], np.float32)
    found, _ = _samples(host_sounds.readable(_encode(loud, "WAV", "FLOAT"), RATE))
    np.testing.assert_array_equal(found, [0, 1 - 2**-15, -1, 0.5])


def _changed(contents, at, value):
    return contents[:at] + value + contents[at + len(value) :]


def test_what_cannot_be_read_is_one_line():
    wav24 = _encode(SOUND, "WAV", "PCM_24")
    flac = _encode(SOUND, "FLAC", "PCM_16")
    nothing = np.zeros(0)
    cases = {
        "is a WAV file that is cut off": wav24[:-1000],
        "is cut off: 0.[0-9] s of 0.5 s|cannot be decoded": flac[: len(flac) // 2],
        "holds no sample": _encode(nothing, "WAV", "PCM_24"),
        "lasts 36000 s; recordings of up to 3600 s": _ten_hours(),
        "holds samples that are not numbers": _encode(
            np.array([0, np.nan]), "WAV", "FLOAT"
        ),
        "claims 3 samples per second": _changed(wav24, 24, struct.pack("<I", 3)),
        "cannot be decoded": b"fLaC" + b"\0" * 100,
    }
    for reason, contents in cases.items():
        with pytest.raises(host_sounds.Unreadable, match=f"^({reason})") as error:
            host_sounds.readable(contents, RATE)
        assert "\n" not in str(error.value)


def _ten_hours():
    """Silence, which FLAC needs little room for."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="FLAC") as sound:
        for _ in range(60):
            sound.write(np.zeros(600 * 8000, np.int16))
    return file.getvalue()


def test_facts_are_those_of_the_header(tmp_path):
    stereo = np.stack([SOUND, SOUND], 1)
    for kind, subtype in (("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", "PCM_16")):
        path = tmp_path / f"{kind}{subtype}"
        path.write_bytes(_encode(stereo, kind, subtype, 22_050))
        facts = host_sounds.facts(path)
        assert (facts.rate, facts.channels) == (22_050, 2)
        assert facts.seconds == pytest.approx(len(SOUND) / 22_050)
    (tmp_path / "no.wav").write_bytes(b"<html>")
    with pytest.raises(host_sounds.Unreadable, match="is not a recording"):
        host_sounds.facts(tmp_path / "no.wav")


def test_without_soundfile_the_extra_is_named(monkeypatch):
    contents = _encode(SOUND, "FLAC", "PCM_16")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(host_sounds.Unreadable, match=r"FLAC.*keras-twins\[audio\]"):
        host_sounds.readable(contents, RATE)


_FILES = [_encode(SOUND[:400], *kind) for *kind, _ in _KINDS]


@given(st.sampled_from(_FILES), st.data())
def test_any_bytes_are_read_or_refused_in_one_line(contents, data):
    contents = bytearray(contents[: data.draw(st.integers(0, len(contents)))])
    for _ in range(data.draw(st.integers(0, 4)) if contents else 0):
        at = data.draw(st.integers(0, min(99, len(contents) - 1)))
        contents[at] = data.draw(st.integers(0, 255))
    try:
        found = host_sounds.readable(bytes(contents), RATE)
    except host_sounds.Unreadable as error:
        assert "\n" not in str(error)
    else:
        assert found == contents or len(_samples(found)[0])
