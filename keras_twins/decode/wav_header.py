"""What the header of a WAV file says, on the host."""

import struct
from typing import NamedTuple

from keras_twins.decode import sound_kinds

_FORMAT_BYTES = 16
# Where the extensible format names the coding that it stands for.
_CODING_AT = 24


class WavHeader(NamedTuple):
    """What the chunks of a WAV file say; 0 for what they do not say.

    Attributes:
        coding: int, `sound_kinds.PCM` for whole numbers.
        channels: int.
        rate: int, in Hz.
        bits: int, of a sample.
        data_at: int, the place of the first sample's first byte.
        data_bytes: int, so many bytes of samples are claimed.
    """

    coding: int = 0
    channels: int = 0
    rate: int = 0
    bits: int = 0
    data_at: int = 0
    data_bytes: int = 0


def read(head):
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
        if name == b"fmt " and at + _FORMAT_BYTES <= len(head) and not found.coding:
            coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            if coding == sound_kinds.EXTENSIBLE:
                below = head[at + _CODING_AT : at + _CODING_AT + 2]
                coding = int.from_bytes(below, "little")
            found = WavHeader(coding, channels, rate, bits)
        at += size + size % 2  # Chunks begin at even places.
    return found
