"""What kind of sound a file is, seen from its first bytes.

One table for the graph, which names what it does not read, and for the host, which
converts it. No TensorFlow, no soundfile.
"""

from keras_twins.decode import kinds

WAV = "WAV"

# The longest recording that is read, where nobody says another: an hour.
MAX_SECONDS = 3600.0

# Of WAV files the graph reads those of 16-bit integers: format 1, or the extensible
# one whose coding, named further behind, is that.
PCM, EXTENSIBLE = 0x0001, 0xFFFE
# What a writer that cannot go back says instead of a number of bytes.
STREAMED = 0xFFFFFFFF

# The kinds that the graph does not read: where each one's first bytes stand, and which.
CONVERTED = {
    "FLAC": (0, (b"fLaC",)),
    "Ogg": (0, (b"OggS",)),
    "MP3": (0, (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")),
    "AIFF": (8, (b"AIFF", b"AIFC")),
    "CAF": (0, (b"caff",)),
    "AU": (0, (b".snd",)),
    "RF64": (0, (b"RF64", b"BW64")),
    "RIFX": (0, (b"RIFX",)),
    "W64": (0, (b"riff",)),
    "MP4": (4, (b"ftyp",)),
}


def kind_of(head):
    """The kind of a sound file, or None for what is not one.

    Args:
        head: bytes, the first ones of the file; 12 are enough.

    Returns:
        str or None.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return WAV
    return kinds.kind_in(CONVERTED, head)
