"""Which levels of 16-bit samples a run takes for black and white."""

from keras_twins.data import survey
from keras_twins.errors import InputError

AUTO = "auto"
# From here on the samples use more than half of the range, and its high byte does.
_HIGH = 2**15
_MOST = 2**16 - 1


def parse(value):
    """The levels that `config.levels` says.

    Args:
        value: "auto", "low,high", or a sequence of two numbers.

    Returns:
        `(low, high)`, or None for "auto".

    Raises:
        InputError: for anything else.
    """
    if value == AUTO:
        return None
    parts = value.strip("()[] ").split(",") if isinstance(value, str) else value
    try:
        low, high = (int(part) for part in parts)
    except (TypeError, ValueError):
        low = high = 0
    if not 0 <= low < high <= _MOST:
        raise InputError(
            f"--config.levels={value!r}: expected auto, or two whole numbers low,high "
            f"with 0 <= low < high <= {_MOST}"
        )
    return low, high


def found(source):
    """The levels that the images of a source lie between, said in a line.

    Args:
        source: `keras_twins.data.sources.Source`.

    Returns:
        `(low, high)`; None where there are no images of 16 bits, or where they use the
        upper half of the range.
    """
    seen = survey.levels(source)
    if seen is None:
        return None
    images, low, high = seen
    said = (
        f"{images:,} images of 16 bits were looked at: their samples, but for 0.1 % at "
        f"each end, are from {low} to {high} of {_MOST}"
    )
    if high >= _HIGH or low == high:
        print(
            f"{said}; 0 becomes black, {_MOST} white (--config.levels=low,high changes "
            "that)"
        )
        return None
    print(
        f"{said}; {low} becomes black, {high} white (--config.levels=0,{_MOST} takes "
        "the whole range)"
    )
    return low, high
