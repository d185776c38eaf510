import io
import pathlib
import struct
import wave

import numpy as np
import pytest
import tensorflow as tf

from keras_twins.decode import errors, sound_kinds, sound_reasons
from keras_twins.decode.base import Limits
from keras_twins.decode.sounds import SoundDecoder

RATE = 8000
SAMPLES = np.random.default_rng(0).integers(-(2**15), 2**15, (500, 3), np.int16)
DIGITS = pathlib.Path(__file__).parents[3] / "shared/data/audio/fsdd"

_decode = tf.function(
    lambda encoded: SoundDecoder(RATE).decode(
        encoded, tf.constant("file 7"), Limits(max_seconds=1.25)
    ),
    input_signature=[tf.TensorSpec((), tf.string)],
    autograph=False,
)


def _wav(samples, rate=RATE):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(samples.shape[1])
        writer.setsampwidth(samples.itemsize)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def _chunk(name, contents, size=None):
    size = len(contents) if size is None else size
    return name + struct.pack("<I", size) + contents + b"\0" * (len(contents) % 2)


def _riff(*chunks):
    return _chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def _form(coding=1, channels=1, rate=RATE, bits=16, block=None, more=b""):
    block = channels * bits // 8 if block is None else block
    values = (coding, channels, rate, rate * block, block, bits)
    return _chunk(b"fmt ", struct.pack("<HHIIHH", *values) + more)


MONO = SAMPLES[:, :1]
DATA = _chunk(b"data", MONO.tobytes())
EXPECTED = (MONO[:, 0] / 32768).astype(np.float32)
# Of the extensible format: how many bytes follow, valid bits, speakers, coding.
_EXTENSION = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H14s", 1, bytes(14))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_channels_are_averaged(channels):
    samples = SAMPLES[:, :channels]
    expected = np.mean(samples / 32768, axis=1)
    decoded = _decode(_wav(samples))
    assert decoded.dtype == tf.float32
    np.testing.assert_allclose(decoded, expected, atol=1e-7)


@pytest.mark.parametrize(
    "contents",
    [
        _riff(_form(), DATA),
        _riff(_chunk(b"JUNK", bytes(28)), _form(), DATA),
        _riff(_form(), _chunk(b"LIST", b"odd"), DATA),
        _riff(_form(), DATA, _chunk(b"LIST", b"even")),
        _riff(_form(more=b"\0\0"), DATA),
        _riff(_form(0xFFFE, more=_EXTENSION), DATA),
        # The data of a program that writes to a pipe, and half a sample behind them.
        _riff(_form(), _chunk(b"data", MONO.tobytes(), size=0xFFFFFFFF)),
        _riff(_form(), _chunk(b"data", MONO.tobytes() + b"x")),
        # Nobody reads how long the whole is said to be.
        b"RIFF\0\0\0\0WAVE" + _form() + DATA,
        _riff(*[_chunk(b"LIST", b"")] * 5000, _form(), DATA),
    ],
)
def test_chunks_in_any_order_that_wav_allows(contents):
    np.testing.assert_array_equal(_decode(contents), EXPECTED)


def test_real_files_are_what_soundfile_reads_bit_for_bit():
    soundfile = pytest.importorskip("soundfile")
    if not DIGITS.exists():
        pytest.skip("needs the spoken digits of ../shared/data/audio")
    paths = sorted(DIGITS.rglob("*_[0-4].wav"))
    assert len(paths) == 300
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        np.testing.assert_array_equal(_decode(path.read_bytes()), samples)


REFUSED = {
    "empty": (b"", sound_reasons.EMPTY),
    "text": (b"no sound", sound_reasons.NOT_A_SOUND),
    "a picture in a RIFF": (b"RIFF\0\0\0\0WEBPVP8 ", sound_reasons.NOT_A_SOUND),
    "mp3": (b"\xff\xfb\x90\0" + bytes(40), sound_reasons.of_another_kind("MP3")),
    "flac": (b"fLaC" + bytes(40), sound_reasons.of_another_kind("FLAC")),
    "aiff": (b"FORM\0\0\0\0AIFF", sound_reasons.of_another_kind("AIFF")),
    "another rate": (_wav(MONO, 44_100), sound_reasons.of_another_rate("44100", RATE)),
    "8 bits": (_riff(_form(bits=8), DATA), sound_reasons.RARE_WAV),
    "24 bits": (_riff(_form(bits=24), DATA), sound_reasons.RARE_WAV),
    "floats": (_riff(_form(3, bits=32), DATA), sound_reasons.RARE_WAV),
    "a-law": (_riff(_form(6, bits=8), DATA), sound_reasons.RARE_WAV),
    "no channel": (_riff(_form(channels=0), DATA), sound_reasons.RARE_WAV),
    "another block": (_riff(_form(block=7), DATA), sound_reasons.RARE_WAV),
    "extensible floats": (
        _riff(_form(0xFFFE, more=_EXTENSION[:8] + b"\3"), DATA),
        sound_reasons.RARE_WAV,
    ),
    "65 535 channels": (
        _riff(_form(channels=65_535, block=0xFFFE), DATA),
        sound_reasons.RARE_WAV,
    ),
    "no sample": (
        _riff(_form(), _chunk(b"data", b"")),
        sound_reasons.NO_SAMPLE,
    ),
    "half a sample": (
        _riff(_form(), _chunk(b"data", b"x")),
        sound_reasons.NO_SAMPLE,
    ),
    "too many": (
        _wav(np.zeros((10_001, 1), np.int16)),
        sound_reasons.too_long("2", 1.25),
    ),
    "only a start": (b"RIFF\0\0\0\0WAVE", sound_reasons.CUT_OFF_WAV),
    "no data": (_riff(_form()), sound_reasons.CUT_OFF_WAV),
    "no format": (_riff(DATA), sound_reasons.CUT_OFF_WAV),
    "cut off": (_wav(MONO)[:-2], sound_reasons.CUT_OFF_WAV),
    "4 GB are claimed": (
        _riff(_form(), _chunk(b"data", MONO.tobytes(), size=0xFFFFFFFE)),
        sound_reasons.CUT_OFF_WAV,
    ),
    "a chunk without an end": (
        _riff(_chunk(b"LIST", b"", size=0xFFFFFFFF), _form(), DATA),
        sound_reasons.CUT_OFF_WAV,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name):
    contents, reason = REFUSED[name]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        _decode(contents)
    assert errors.label_and_reason(caught.value.message) == ("file 7", reason)
    assert "\n" not in reason


@pytest.mark.parametrize("kind", sound_kinds.CONVERTED)
def test_each_kind_is_named(kind):
    position, starts = sound_kinds.CONVERTED[kind]
    for start in starts:
        head = b"FORM\0\0\0\0"[:position].ljust(position, b"\0") + start
        assert sound_kinds.kind_of(head) == kind
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            _decode(head)
        assert f"is a recording of the kind {kind}, not WAV;" in errors.reason(
            caught.value.message
        )


@pytest.mark.parametrize("rate", [0, -8000, 16_000.0, True, None])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="`rate`.*Expected.*Received: rate="):
        SoundDecoder(rate)
