"""Why a sound file is not decoded: lines that follow what the graph calls the file."""

import re

from keras_twins.decode import sound_kinds

_CONVERT = "convert it, as the client of keras-twins does"

EMPTY = "is an empty file"
NOT_A_SOUND = "is not a WAV file"
CUT_OFF_WAV = "is a WAV file that is cut off"
RARE_WAV = f"is a WAV file of another coding than PCM of 16 bits; {_CONVERT}"


def of_another_kind(kind):
    """The reason for a sound of a kind, a str, that the graph does not read."""
    return f"is not a WAV file, but a {kind} file; {_CONVERT}"


def of_another_rate(rate, wanted):
    """The reason for a file at another rate than the model's, both in Hz.

    Args:
        rate: str, or a scalar string tensor.
        wanted: int.
    """
    return "is sampled at " + rate + f" Hz, not at {wanted} Hz; {_CONVERT}"


def of_another_length(count, most):
    """The reason for a file that has no sample, or too many.

    Args:
        count: str, or a scalar string tensor.
        most: int, how many a file may have.
    """
    return "holds " + count + f" samples; 1 to {most} are decoded (max_samples)"


_REASONS = (
    *(EMPTY, NOT_A_SOUND, CUT_OFF_WAV, RARE_WAV),
    *map(of_another_kind, sound_kinds.CONVERTED),
)
# Each of them, as a regular expression.
PATTERNS = (
    *map(re.escape, _REASONS),
    rf"is sampled at \d+ Hz, not at \d+ Hz; {re.escape(_CONVERT)}",
    r"holds \d+ samples; 1 to \d+ are decoded \(max_samples\)",
)
