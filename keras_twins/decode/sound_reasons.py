"""Why a sound file is not decoded: lines that follow what the graph calls the file."""

import re

from keras_twins.decode import sound_kinds

_CONVERT = "convert it, as the client of keras-twins does"

EMPTY = "is an empty file"
NOT_A_SOUND = "is not a recording"
CUT_OFF_WAV = "is a WAV file that is cut off"
NO_SAMPLE = "holds no sample"
RARE_WAV = f"is a WAV file of another coding than PCM of 16 bits; {_CONVERT}"


def of_another_kind(kind):
    """The reason for a sound of a kind, a str, that the graph does not read."""
    return f"is a recording of the kind {kind}, not WAV; {_CONVERT}"


def of_another_rate(rate, wanted):
    """The reason for a file at another rate than the model's, both in Hz.

    Args:
        rate: str, or a scalar string tensor.
        wanted: int.
    """
    return "is sampled at " + rate + f" Hz, not at {wanted} Hz; {_CONVERT}"


def too_long(seconds, most):
    """The reason for a file that lasts too long.

    Args:
        seconds: str, or a scalar string tensor.
        most: float, how long it may last.
    """
    limit = f"recordings of up to {most:g} s are read (max_seconds)"
    return "lasts " + seconds + " s; " + limit


_REASONS = (
    *(EMPTY, NOT_A_SOUND, CUT_OFF_WAV, NO_SAMPLE, RARE_WAV),
    *map(of_another_kind, sound_kinds.CONVERTED),
)
# Each of them, as a regular expression.
PATTERNS = (
    *map(re.escape, _REASONS),
    rf"is sampled at \d+ Hz, not at \d+ Hz; {re.escape(_CONVERT)}",
    r"lasts \d+ s; recordings of up to [\d.e+]+ s are read \(max_seconds\)",
)
