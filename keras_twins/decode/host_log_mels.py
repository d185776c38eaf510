"""A log-mel of a recording's file without TensorFlow, to be looked at.

It is that of `kt.augment.LogMel()` with its defaults, whatever front end a model has,
so that all recordings are seen alike.
"""

import numpy as np

from keras_twins import mel
from keras_twins.decode import host_sounds, playing

RATE = 16_000
_WINDOW, _HOP, _BANDS, _LOW, _HIGH = 1024, 160, 64, 60.0, 7800.0
_EPSILON = float(np.finfo(np.float32).eps)


def log_mel(path, seconds):
    """The log-mel of the beginning of a recording.

    Args:
        path: path of a file in any format of `keras_twins.decode.host_sounds`.
        seconds: float, how much of it at most.

    Returns:
        float32 array `(64, frames, 1)`, of 100 frames a second.

    Raises:
        one of `host_sounds.ERRORS`: for a file that cannot be read.
    """
    samples = playing.beginning(path, RATE, seconds) / np.float32(
        host_sounds.FULL_SCALE
    )
    missing = max(_WINDOW - len(samples), 0)
    samples = np.pad(np.pad(samples, (0, missing)), _WINDOW // 2, "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    spectra = np.fft.rfft(frames * hann.astype(np.float32))
    power = np.abs(spectra) ** 2 @ mel.triangles(RATE, _WINDOW, _BANDS, _LOW, _HIGH)
    return np.log(power + _EPSILON).T[..., np.newaxis].astype(np.float32)
