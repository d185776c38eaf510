"""Recordings as a browser plays them."""

import numpy as np

from keras_twins.decode import host_sounds, sound_kinds, wav_header
from keras_twins.decode.errors import Unreadable

# How much of a long recording is played, and drawn.
SECONDS = 60.0
# The kinds that browsers play, and what these call them.
_TYPES = {
    sound_kinds.WAV: "audio/wav",
    "FLAC": "audio/flac",
    "Ogg": "audio/ogg",
    "MP3": "audio/mpeg",
}
_KIND_BYTES = 12
_MOST_BYTES = 16 * 2**20
_HIGHEST_RATE = 48_000


def is_recording(path):
    """Whether a file is a recording, by its first bytes; raises OSError."""
    with open(path, "rb") as file:
        kind = sound_kinds.kind_of(file.read(_KIND_BYTES))
    # An MP4 file is not read, and photographs (HEIC, AVIF) begin as one does.
    return kind not in (None, "MP4")


def type_of(path):
    """What a browser calls a file that it plays as it is; None for any other file.

    Args:
        path: path of a file, which need not be there.

    Returns:
        str, such as "audio/flac", or None.
    """
    try:
        if not is_recording(path):
            return None
        with open(path, "rb") as file:
            return _type_of(file.read(host_sounds.HEAD_BYTES))
    except OSError:
        return None


def playable(path):
    """What a player is given of a recording.

    That is the file itself, where browsers play its kind and it is not large. Else it
    is a WAV of its first `SECONDS`, mono, at its own rate up to 48 kHz.

    Args:
        path: path of a recording.

    Returns:
        bytes, and what a browser calls them.

    Raises:
        one of `host_sounds.ERRORS`: for a file that cannot be read.
    """
    with open(path, "rb") as file:
        contents = file.read(_MOST_BYTES + 1)
    kind = _type_of(contents)
    if kind and len(contents) <= _MOST_BYTES:
        return contents, kind
    rate = min(host_sounds.facts(path).rate, _HIGHEST_RATE)
    samples = beginning(path, rate, SECONDS)
    return host_sounds.wav(samples, rate), _TYPES[sound_kinds.WAV]


def beginning(path, rate, seconds):
    """Reads the beginning of a recording, and hardly more.

    Args:
        path: path of a recording.
        rate: int, of the samples that are wanted, in Hz.
        seconds: float, how much at most.

    Returns:
        `(N,)` array of int16, mono, N of 1 or more.

    Raises:
        one of `host_sounds.ERRORS`: for a file that cannot be read so far.
    """
    count, read, found = int(seconds * rate), 0, []
    with open(path, "rb") as file:
        for block in host_sounds.blocks(file, rate):
            found.append(block)
            read += len(block)
            if read >= count:
                break
    if not read:
        raise Unreadable(host_sounds.NO_SAMPLE_AT_RATE)
    return np.concatenate(found)[:count]


def _type_of(head):
    kind = sound_kinds.kind_of(head)
    if kind == sound_kinds.WAV and not host_sounds.is_plain(wav_header.read(head)):
        return None  # Not every browser has its coding.
    return _TYPES.get(kind)
