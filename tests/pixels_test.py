"""Which numbers can be pixels."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment, data
from keras_twins.pixels import check_pixels

LOG_MELS = augment.LogMel()(
    np.random.default_rng(0).normal(size=(3, 16_000)).astype(np.float32) / 10
).numpy()


@pytest.mark.parametrize(
    "values, value_range",
    [
        ((0, 255), (0, 255)),
        ((0, 0), (0, 255)),
        ((0.0, 1.0), (0, 255)),
        # What a cubic filter makes of an edge, and of a dark picture.
        ((-30.0, 280.0), (0, 255)),
        ((-1.5, 20.0), (0, 255)),
        ((-0.1, 0.0), (0, 255)),
        ((-0.2, 1.2), (0, 1)),
        ((-1.2, 1.0), (-1, 1)),
    ],
)
def test_images_and_what_filters_make_of_them(values, value_range):
    check_pixels(*values, value_range)


@pytest.mark.parametrize(
    "values, value_range",
    [
        ((-15.9, 11.0), (0, 255)),
        ((-15.9, -3.0), (0, 255)),
        ((-15.9, -3.0), (0, 1)),
        # Standardised log-mels, or images.
        ((-2.1, 2.6), (0, 255)),
        ((-0.5, 0.5), (0, 255)),
        ((0, 65_535), (0, 255)),
        ((0, 255), (0, 1)),
    ],
)
def test_numbers_that_no_image_has(values, value_range):
    with pytest.raises(ValueError, match="not the pixels.*Expected.*Received"):
        check_pixels(*values, value_range)


def test_views_and_evaluation_of_images_refuse_log_mels():
    for layer in (augment.TwoViews("digits"), augment.TwoViews("digits", 0, (-1, 1))):
        with pytest.raises(ValueError, match="kt.augment.TwoSoundViews.*Received"):
            layer(LOG_MELS)
    with pytest.raises(ValueError, match="kt.augment.TwoSoundViews.*Received"):
        data.evaluation_pipeline(tf.data.Dataset.from_tensor_slices(LOG_MELS), 64, 2)
    waveforms = tf.data.Dataset.from_tensor_slices(np.zeros((3, 100), np.float32))
    with pytest.raises(ValueError, match="not images. Expected.*Received"):
        data.evaluation_pipeline(waveforms, 64, 2)
