import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from scipy import ndimage

from keras_twins.augment import blur
from keras_twins.keys import image_states

IMAGES = np.random.default_rng(2).uniform(0, 255, (3, 3, 24, 24)).astype(np.float32)


def reference(image, sigma, radius):
    return np.stack(
        [
            ndimage.gaussian_filter(plane, sigma, mode="mirror", radius=radius)
            for plane in image.astype(np.float64)
        ]
    )


@pytest.mark.parametrize("count", [1, 3])
def test_blur_equals_a_reference_convolution_with_each_image_its_sigma(count):
    sigmas = np.float32([1.7, 0.0, 0.4])[:count]
    actual = blur.gaussian_blur(tf.constant(IMAGES[:count]), tf.constant(sigmas), 2.0)
    for image, sigma, blurred in zip(IMAGES, sigmas, actual, strict=False):
        expected = reference(image, sigma, radius=6) if sigma else image
        np.testing.assert_allclose(blurred, expected, atol=0.01)


def test_kernel_is_no_wider_than_a_small_image():
    small = tf.constant(IMAGES[:1, :, :4, :4])
    actual = blur.gaussian_blur(small, tf.constant([2.0]), 2.0)
    expected = reference(IMAGES[0, :, :4, :4], 2.0, radius=3)
    np.testing.assert_allclose(actual[0], expected, atol=0.01)


def test_a_lone_image_without_blur_is_left_alone():
    image = tf.constant(IMAGES[:1])
    actual = tf.function(blur.gaussian_blur)(image, tf.constant([0.0]), 2.0)
    np.testing.assert_array_equal(actual, image)


def test_solarise_equals_pillow_in_the_chosen_images_only():
    whole = np.round(IMAGES)
    actual = blur.solarise(tf.constant(whole), tf.constant([True, False, True])).numpy()
    np.testing.assert_array_equal(actual[1], whole[1])
    for i in (0, 2):
        pixels = Image.fromarray(np.transpose(whole[i], (1, 2, 0)).astype(np.uint8))
        expected = np.transpose(np.asarray(ImageOps.solarize(pixels)), (2, 0, 1))
        np.testing.assert_array_equal(actual[i], expected)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_rates_and_range(rate):
    states = image_states(0, 1, tf.range(4000, dtype=tf.int64))
    view = {"blur": rate, "blur_sigma": (0.1, 2.0), "solarise": rate}
    sigmas = blur.draw_sigmas(states, view).numpy()
    chosen = blur.draw_solarise(states, view).numpy()
    for hits in (sigmas > 0, chosen):
        assert abs(hits.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / 4000)
    drawn = sigmas[sigmas > 0]
    assert np.all((drawn >= 0.1) & (drawn <= 2.0))
