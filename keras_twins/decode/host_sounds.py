"""What a host does to recordings, with soundfile and soxr, before TensorFlow.

The graph reads WAV files of 16-bit samples at the rate of its model. Of other files
`readable` makes such a WAV: mono by the mean of the channels, and at that rate by
soxr's HQ resampler, everywhere the same one.

Samples beyond full scale, which Vorbis and MP3 overshoot to and files of floats may
have, are cut to it: 16 bits hold -1 to 1 - 2⁻¹⁵.
"""

import contextlib
import dataclasses
import io
import math
import struct

import numpy as np

from keras_twins.decode import sound_kinds, wav_header
from keras_twins.decode.errors import Unreadable

# How the names of files end that are taken for recordings where a folder is listed.
SOUND_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
)
# So many bytes of a file say what kind it is: chunks of a text may come first.
HEAD_BYTES = 1 << 17
# What the functions below raise: a file that is missing, or that is not read.
ERRORS = (OSError, Unreadable)

NO_SAMPLE_AT_RATE = "holds no sample at the rate that is asked for"

RESAMPLER = "HQ"
# What the number of a 16-bit sample is divided by.
FULL_SCALE = 2**15
_RATES = (1_000, 768_000)
_MOST_CHANNELS = 64
_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the header of a recording says.

    Attributes:
        seconds: float, its length.
        rate: int, in Hz.
        channels: int.
    """

    seconds: float
    rate: int
    channels: int


def needs_conversion(head, rate):
    """Whether a file is a recording that the graph does not read as it is.

    Args:
        head: bytes, the first `HEAD_BYTES` of the file, or all of it.
        rate: int, of the model, in Hz.

    Returns:
        bool. True where `readable` makes a WAV of it, or says why it cannot.
    """
    kind = sound_kinds.kind_of(head)
    if kind != sound_kinds.WAV:
        return kind is not None
    header = wav_header.read(head)
    if not header.coding:
        return False  # It is cut off, which the decoder says.
    return not (is_plain(header) and header.rate == rate)


def readable(contents, rate, max_seconds=sound_kinds.MAX_SECONDS):
    """The bytes of a recording as the graph reads them; others stay as they are.

    Args:
        contents: bytes of a file.
        rate: int, of the model, in Hz.
        max_seconds: float. A recording that lasts longer is refused.

    Returns:
        bytes, of a WAV file of 16-bit samples.

    Raises:
        Unreadable: for a file that should be converted and cannot be.
    """
    if not needs_conversion(contents, rate):
        return contents
    return wav_of_file(io.BytesIO(contents), rate, max_seconds)


def wav_of_file(file, rate, max_seconds=sound_kinds.MAX_SECONDS):
    """The same of a binary file object of any recording, which is read in blocks."""
    return _wav_of_blocks(blocks(file, rate, max_seconds), rate)


def blocks(file, rate, max_seconds=math.inf):
    """Yields the samples of a recording part by part, of which memory holds one.

    Args:
        file: binary file object of any recording.
        rate: int, of the samples that are wanted, in Hz.
        max_seconds: float. A recording that lasts longer is refused.

    Yields:
        `(n,)` int16 arrays, mono.

    Raises:
        one of `ERRORS`: for a file that cannot be read, where its fault is met.
    """
    with _opened(file) as sound:
        _check_length(sound.frames / sound.samplerate, max_seconds)
        mono = _mono(sound, max_seconds)
        yield from _in_16_bits(_at_rate(mono, sound.samplerate, rate))


def wav_of_samples(samples, samples_rate, rate):
    """Encodes samples of any rate, as `readable` does a file's.

    Args:
        samples: `(N,)` or `(N, channels)` array of floats in -1..1, N of 1 or more.
        samples_rate: int, theirs, in Hz.
        rate: int, of the model, in Hz.

    Returns:
        bytes, of a WAV file of 16-bit samples.

    Raises:
        Unreadable: for samples that are not numbers, or a rate that is not read.
    """
    samples = np.asarray(samples, np.float32)
    samples = samples[:, np.newaxis] if samples.ndim == 1 else samples
    _check_claims(samples_rate, samples.shape[1], len(samples))
    mono = [samples.mean(axis=1)]
    return _wav_of_blocks(_in_16_bits(_at_rate(mono, samples_rate, rate)), rate)


def _wav_of_blocks(found, rate):
    samples = np.concatenate([*found])
    if not len(samples):
        raise Unreadable(NO_SAMPLE_AT_RATE)
    return wav(samples, rate)


def wav(samples, rate):
    """Encodes samples as the bytes of a WAV file.

    Args:
        samples: `(N,)` array of int16, N of 1 or more.
        rate: int, in Hz.

    Returns:
        bytes.

    Examples:
        >>> import numpy as np
        >>> from keras_twins.decode import host_sounds
        >>> contents = host_sounds.wav(np.zeros(16000, np.int16), 16000)
        >>> len(contents), host_sounds.needs_conversion(contents, 16000)
        (32044, False)
    """
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", sound_kinds.PCM, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", len(data) + 36, b"WAVE", b"fmt ", 16)
    return head + form + struct.pack("<4sI", b"data", len(data)) + data


def in_16_bits(samples):
    """Rounds samples to whole numbers; what is beyond full scale is cut to it.

    Args:
        samples: float array, full scale at -1 and 1.

    Returns:
        int16 array of its shape: the samples times `FULL_SCALE`.
    """
    scaled = np.rint(np.asarray(samples, np.float32) * np.float32(FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def facts(path):
    """Reads length, rate and channels from the header of a recording's file.

    Args:
        path: path of the file.

    Returns:
        `Facts`.

    Raises:
        one of `ERRORS`: for a file that cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        header = wav_header.read(head)
        # Of what the graph reads, soundfile is not needed to know more.
        if sound_kinds.kind_of(head) == sound_kinds.WAV and is_plain(header):
            if header.data_at and header.rate and header.channels:
                data_bytes = header.data_bytes
                if data_bytes == sound_kinds.STREAMED:
                    data_bytes = file.seek(0, io.SEEK_END) - header.data_at
                frames = data_bytes // (2 * header.channels)
                return Facts(frames / header.rate, header.rate, header.channels)
        file.seek(0)
        with _opened(file) as sound:
            seconds = sound.frames / sound.samplerate
            return Facts(seconds, sound.samplerate, sound.channels)


def is_plain(header):
    """Whether the samples of a WAV are 16-bit integers, by its `WavHeader`."""
    return header.coding == sound_kinds.PCM and header.bits == 16


@contextlib.contextmanager
def _opened(file):
    """A scope with a `soundfile.SoundFile`, whose claims have been checked."""
    head = file.read(HEAD_BYTES)
    kind = sound_kinds.kind_of(head)
    if kind is None:
        raise Unreadable("is not a recording" if head else "is an empty file")
    _check_whole(file, head, kind)
    file.seek(0)
    try:
        import soundfile  # An optional extra.
    except ImportError:
        raise Unreadable(
            f'is a {kind} recording; pip install "keras-twins[audio]" reads it'
        ) from None
    try:
        with soundfile.SoundFile(file) as sound:
            _check_claims(sound.samplerate, sound.channels, sound.frames)
            yield sound
    except soundfile.SoundFileError as error:
        what = str(error).removeprefix(f"Error opening {file!r}: ").rstrip(".")
        raise Unreadable(f"cannot be decoded: {what}") from error


def _check_whole(file, head, kind):
    """Refuses a WAV of which samples are missing, which soundfile reads in silence."""
    if kind != sound_kinds.WAV:
        return
    header = wav_header.read(head)
    if not header.data_at or header.data_bytes == sound_kinds.STREAMED:
        return
    if header.data_at + header.data_bytes > file.seek(0, io.SEEK_END):
        raise Unreadable("is a WAV file that is cut off")


def _check_claims(rate, channels, frames):
    low, high = _RATES
    if not low <= rate <= high:
        raise Unreadable(f"claims {rate} samples per second; {low} to {high} are read")
    if not 1 <= channels <= _MOST_CHANNELS:
        raise Unreadable(f"claims {channels} channels; 1 to {_MOST_CHANNELS} are read")
    if frames == 0:
        raise Unreadable("holds no sample")


def _check_length(seconds, max_seconds):
    if seconds > max_seconds:
        raise Unreadable(
            f"lasts {seconds:.0f} s; recordings of up to {max_seconds:.0f} s are read "
            "(max_seconds)"
        )


def _mono(sound, max_seconds):
    """Yields blocks of the mean of the channels, float32."""
    read = 0
    for block in sound.blocks(_BLOCK, dtype="float32", always_2d=True):
        read += len(block)
        _check_length(read / sound.samplerate, max_seconds)
        yield block.mean(axis=1)
    if read < sound.frames:
        raise Unreadable(
            f"is cut off: {read / sound.samplerate:.1f} s of "
            f"{sound.frames / sound.samplerate:.1f} s can be decoded"
        )


def _at_rate(mono, own_rate, rate):
    """Yields blocks of mono samples, float32, at another rate."""
    if own_rate == rate:
        yield from mono
        return
    try:
        import soxr  # An optional extra.
    except ImportError:
        raise Unreadable(
            f'is sampled at {own_rate} Hz; pip install "keras-twins[audio]" makes '
            f"{rate} Hz of it"
        ) from None
    resampler = soxr.ResampleStream(
        own_rate, rate, 1, dtype="float32", quality=RESAMPLER
    )
    for block in mono:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _in_16_bits(blocks):
    """Yields blocks of whole numbers."""
    for block in blocks:
        if not np.isfinite(block).all():
            raise Unreadable("holds samples that are not numbers")
        yield in_16_bits(block)
