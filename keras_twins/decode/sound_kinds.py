"""What kind of recording a file is, seen from its first bytes.

One table for the graph, which names what it does not read, and for the host, which
converts it. No TensorFlow, no soundfile.
"""

import struct
from typing import NamedTuple

WAV = "WAV"
PCM = 1
# A size that was not known when the header was written, by a program that streams.
UNKNOWN_SIZE = 2**32 - 1

# The kinds that the graph does not read: where each one's first bytes stand, and which.
CONVERTED = {
    "FLAC": (0, (b"fLaC",)),
    "Ogg": (0, (b"OggS",)),
    "MP3": (0, (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")),
    "RF64": (0, (b"RF64", b"BW64")),
    "W64": (0, (b"riff\x2e\x91\xcf\x11",)),
    "RIFX": (0, (b"RIFX",)),
    "AIFF": (8, (b"AIFF", b"AIFC")),
    "AU": (0, (b".snd",)),
    "CAF": (0, (b"caff",)),
}


def kind_of(head):
    """The kind of a recording's file, or None for what is not a recording.

    Args:
        head: bytes, the first ones of the file; 12 are enough.

    Returns:
        str or None.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return WAV
    for kind, (position, starts) in CONVERTED.items():
        if head.startswith(starts, position):
            return kind
    return None


class WavHeader(NamedTuple):
    """What the chunks of a WAV file say; 0 for what they do not say.

    Attributes:
        format: int, 1 for whole numbers.
        channels: int.
        rate: int, in Hz.
        bits: int, of a sample.
        data_at: int, the place of the first sample's first byte.
        data_bytes: int, so many bytes of samples are claimed.
    """

    format: int = 0
    channels: int = 0
    rate: int = 0
    bits: int = 0
    data_at: int = 0
    data_bytes: int = 0


def wav_header(head):
    """Reads the chunks of a WAV file up to its samples, in any order.

    Args:
        head: bytes, the first ones of the file.

    Returns:
        `WavHeader`, as far as the bytes go.
    """
    found, at = WavHeader(), 12
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            return found._replace(data_at=at, data_bytes=size)
        if name == b"fmt " and at + 16 <= len(head):
            number, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            found = WavHeader(number, channels, rate, bits)
        at += size + size % 2  # Chunks begin at even places.
    return found
