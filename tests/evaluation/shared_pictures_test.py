"""Test images that are training images, too."""

import numpy as np
import pytest
import tensorflow as tf

from keras_twins.evaluation.shared_pictures import Shared, count_shared


def _batches(images, size, labels=False):
    data = (images, np.arange(len(images))) if labels else images
    return tf.data.Dataset.from_tensor_slices(data).batch(size)


@pytest.mark.parametrize("labels", [False, True])
def test_each_test_image_with_the_pixels_of_a_training_image_counts(rng, labels):
    images = rng.integers(0, 256, (30, 4, 5, 3)).astype(np.float32)
    test = np.concatenate([images[[3, 7, 7, 19]], images[:2] + 1])
    test[0, 0, 0, 0] += 1  # One pixel more makes another picture.
    for size in (1, 7, 100):
        found = count_shared(_batches(images, size, labels), _batches(test, size))
        assert found == Shared(3, 6)


def test_the_line_says_how_many():
    assert str(Shared(0, 1234)) == (
        "Leaks: none of 1,234 test images is a training image, too"
    )
    assert str(Shared(12, 1234)).startswith("Leaks: 12 of 1,234 test images have the")
