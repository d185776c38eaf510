"""Mel bands as weights of the frequencies of a spectrum."""

import numpy as np


def triangles(rate, window, bands, low, high):
    """Triangles of peak 1, at equal steps of the mel scale.

    The scale is HTK's, 2595 log10(1 + f / 700). The sides of a triangle are straight in
    Hz, not in mel. librosa's `filters.mel(htk=True, norm=None)`, and torchaudio's
    default.

    Args:
        rate: int, in Hz.
        window: int, samples of a Fourier transform.
        bands: int.
        low, high: floats, in Hz.

    Returns:
        float64 array `(window // 2 + 1, bands)`.
    """
    scale = np.linspace(_mel(low), _mel(high), bands + 2)
    corners = 700.0 * (10.0 ** (scale / 2595.0) - 1.0)
    frequencies = np.linspace(0.0, rate / 2.0, window // 2 + 1)[:, np.newaxis]
    rising = (frequencies - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequencies) / np.diff(corners)[1:]
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(frequency):
    return 2595.0 * np.log10(1.0 + frequency / 700.0)
