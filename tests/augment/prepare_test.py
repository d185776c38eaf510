import numpy as np
import pytest
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop


def _picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _whole_picture_resized(picture, image_size, resize):
    height, width = picture.shape[:2]
    shorter = min(height, width)
    size = [round(side * resize / shorter) for side in (height, width)]
    top, left = (size[0] - image_size) // 2, (size[1] - image_size) // 2
    resized = tf.image.resize(picture, size, antialias=True)
    return resized[top : top + image_size, left : left + image_size].numpy()


@pytest.mark.parametrize(
    "size", [(16, 16), (61, 47), (30, 200), (200, 33), (1, 1), (9, 11), (1, 90)]
)
@pytest.mark.parametrize("resize", [16, 20])
def test_equals_resizing_the_whole_picture_and_cropping(size, resize):
    picture = _picture(*size)
    in_graph = tf.function(
        lambda image: resize_and_crop(image, 16, resize),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    result = in_graph(picture)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(
        result, _whole_picture_resized(picture, 16, resize), atol=2e-3
    )


def test_a_batch_gives_what_its_pictures_give():
    pictures = np.stack([_picture(30, 41, seed) for seed in range(3)])
    singles = [resize_and_crop(picture, 16) for picture in pictures]
    np.testing.assert_array_equal(resize_and_crop(pictures, 16), tf.stack(singles))


def test_pixels_pass_unchanged_at_the_right_size():
    picture = _picture(16, 16)
    np.testing.assert_array_equal(resize_and_crop(picture, 16), picture)


def test_a_strip_costs_no_more_than_its_centre():
    # Resized as a whole, it would take 512 x 51 200 000 x 3 floats.
    strip = np.tile(_picture(1, 100), (1, 1000, 1))
    centre = strip[:, 50_000 - 50 : 50_000 + 50]
    np.testing.assert_allclose(
        resize_and_crop(strip, 512), resize_and_crop(centre, 512), atol=1e-2
    )


def test_a_crop_larger_than_the_resized_picture_is_refused():
    with pytest.raises(ValueError, match="image_size=32, resize=16"):
        resize_and_crop(_picture(40, 40), 32, resize=16)
