"""Pictures of log-mels."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import pictures, spectrograms

_SILENCE = float(np.log(np.finfo(np.float32).eps))


def _lightness(colours):
    """CIE L* of colours in 0..255, `(N, 3)`."""
    shares = colours / 255
    linear = np.where(
        shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4
    )
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    root = np.where(
        luminance > 216 / 24389,
        np.cbrt(luminance),
        (24389 / 27 * luminance + 16) / 116,
    )
    return 116 * root - 16


def test_equal_steps_of_loudness_are_equal_steps_of_lightness():
    values = np.linspace(spectrograms.DARKEST, spectrograms.BRIGHTEST, 21)
    lightness = _lightness(spectrograms.colours(values[np.newaxis])[0])
    assert lightness[0] < 1 and lightness[-1] > 95
    steps = np.diff(lightness)
    assert steps.min() > 0.5 * steps.mean() and steps.max() < 1.5 * steps.mean()


def test_low_bands_are_at_the_bottom_and_silence_is_dark():
    log_mel = np.full((64, 96, 1), _SILENCE, np.float32)
    log_mel[:4, 48:] = 5.0
    found = np.asarray(spectrograms.thumbnail(log_mel, 64)).sum(axis=-1)
    loud = np.argwhere(found > 300)
    assert loud[:, 0].min() == 60 and loud[:, 1].min() == 32
    assert found[:60].max() == found[:, :32].max() == 4  # (0, 0, 4)


def test_a_value_has_one_colour_whatever_is_beside_it():
    log_mel = np.full((8, 8, 1), -5.0, np.float32)
    alone = np.asarray(spectrograms.thumbnail(log_mel, 8))
    log_mel[:, 4:] = 8.0
    np.testing.assert_array_equal(
        np.asarray(spectrograms.thumbnail(log_mel, 8))[:, :4], alone[:, :4]
    )


@pytest.mark.parametrize("frames", [1, 96, 5000])
def test_all_of_any_length_is_seen(frames):
    log_mel = np.full((64, frames, 1), -5.0, np.float32)
    log_mel[:, -frames // 4 :] = 5.0
    found = np.asarray(spectrograms.thumbnail(log_mel, 48))
    assert found.shape == (48, 48, 3)
    np.testing.assert_array_equal(
        found[:, -1], spectrograms.colours(np.full((48, 1), 5.0))[:, 0]
    )


def test_log_mels_have_a_sheet_as_images_have():
    log_mels = np.random.default_rng(0).normal(-5, 4, (5, 64, 96, 1))
    batches = tf.data.Dataset.from_tensor_slices(log_mels).batch(2)
    found = pictures.thumbnails(batches, 5, 32, spectrograms.thumbnail)
    for log_mel, picture in zip(log_mels, found, strict=True):
        np.testing.assert_array_equal(spectrograms.thumbnail(log_mel, 32), picture)
