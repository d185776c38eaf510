import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.augment import resampling

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
# Smooth and noisy at once: a filter that is too narrow shows in the noise.
RANDOM = np.random.default_rng(0)
IMAGE = (
    np.linspace(0, 200, 60 * 80 * 3).reshape(60, 80, 3)
    + RANDOM.integers(0, 55, (60, 80, 3))
).astype(np.uint8)


def box(top, left, height, width, flip=False):
    floats = [tf.constant([float(value)]) for value in (top, left, height, width)]
    return (*floats, tf.constant([flip]))


def batch(image, where, size, interpolation):
    planes = resampling.resample_batch(image[None], where, size, interpolation)
    return np.clip(np.transpose(planes[0], (1, 2, 0)), 0, 255)


def single(image, where, size, interpolation):
    where = [side[0] for side in where]
    planes = resampling.resample_image(tf.constant(image), where, size, interpolation)
    return np.clip(np.transpose(planes, (1, 2, 0)), 0, 255)


@pytest.mark.parametrize("resample", [batch, single])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("where", "size"),
    [
        ((0, 0, 60, 80), 16),  # shrinks by more than 2
        ((3, 5, 40, 30), 32),  # shrinks and enlarges
        ((10, 20, 7, 9), 32),  # enlarges
        ((59, 79, 1, 1), 4),
    ],
)
def test_equals_pillow_to_one_level(resample, interpolation, where, size):
    top, left, height, width = where
    pillow = Image.fromarray(IMAGE).crop((left, top, left + width, top + height))
    expected = np.asarray(
        pillow.resize((size, size), FILTERS[interpolation]), np.float32
    )
    actual = resample(IMAGE, box(*where), size, interpolation)
    # Pillow rounds to whole levels after each of its two passes.
    assert np.abs(actual - expected).max() < 1.51


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_small_images_take_the_same_values_by_the_shorter_way(interpolation):
    small = IMAGE[:16, :16]
    where = box(2, 3, 9, 12)
    np.testing.assert_allclose(
        batch(small, where, 16, interpolation),
        single(small, where, 16, interpolation),
        atol=1e-3,
    )


@pytest.mark.parametrize("resample", [batch, single])
def test_flip_mirrors_the_columns(resample):
    plain = resample(IMAGE, box(4, 6, 30, 50), 16, "bicubic")
    mirrored = resample(IMAGE, box(4, 6, 30, 50, flip=True), 16, "bicubic")
    np.testing.assert_allclose(mirrored, plain[:, ::-1], atol=1e-3)


@pytest.mark.parametrize("resample", [batch, single])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_whole_image_at_its_own_size_is_itself(resample, interpolation):
    square = IMAGE[:32, :32]
    actual = resample(square, box(0, 0, 32, 32), 32, interpolation)
    np.testing.assert_allclose(actual, square, atol=1e-3)


def test_every_image_of_a_batch_has_its_own_box():
    images = tf.constant(np.stack([IMAGE, IMAGE[::-1]]))
    boxes = [
        tf.concat(pair, 0)
        for pair in zip(box(0, 0, 30, 30), box(9, 8, 20, 44), strict=True)
    ]
    together = resampling.resample_batch(images, boxes, 16, "bilinear")
    for i, where in enumerate((box(0, 0, 30, 30), box(9, 8, 20, 44))):
        alone = resampling.resample_batch(images[i : i + 1], where, 16, "bilinear")
        np.testing.assert_allclose(together[i], alone[0], atol=1e-3)
