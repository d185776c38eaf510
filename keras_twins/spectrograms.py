"""Small pictures of log-mels: low bands at the bottom, silence dark, loud bright."""

import numpy as np
from PIL import Image

# What is darkest and brightest, as ln of a mel power: the same for all recordings, so
# that a quiet one is darker. Of real ones nearly all values lie between.
DARKEST, BRIGHTEST = -13.0, 9.0
# matplotlib's "magma" at equal steps: as many steps of lightness from each to the next.
_COLOURS = (
    *("000004", "180f3d", "440f76", "721f81", "9e2f7f"),
    *("cd4071", "f1605d", "fd9668", "feca8d", "fcfdbf"),
)


def thumbnail(log_mel, side):
    """A square PIL image of a whole log-mel, whatever its length.

    Args:
        log_mel: `(bands, frames, 1)` array, as `kt.augment.LogMel` gives.
        side: int, in pixels.
    """
    image = Image.fromarray(np.asarray(log_mel, np.float32)[:, :, 0])
    # Many frames become one pixel: their mean, before it becomes a colour.
    return Image.fromarray(colours(image.resize((side, side), Image.Resampling.BOX)))


def colours(values):
    """Log-mel values as colours, the lowest band in the last row.

    Args:
        values: `(bands, frames)` array.

    Returns:
        uint8 array `(bands, frames, 3)`.
    """
    shares = (np.asarray(values) - DARKEST) / (BRIGHTEST - DARKEST)
    places = np.linspace(0.0, 1.0, len(_COLOURS))
    known = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS])
    channels = [np.interp(shares, places, channel) for channel in known.T]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)[::-1]
