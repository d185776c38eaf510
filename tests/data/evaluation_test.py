import numpy as np
import pytest
import tensorflow as tf

from keras_twins import data

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 12, 8, 3), dtype=np.uint8)


def _squares(dataset, *arguments, **options):
    return list(data.evaluation_pipeline(dataset, *arguments, **options))


def test_images_of_the_right_size_come_in_order_and_unchanged():
    squares = IMAGES[:, :8]
    batches = _squares(data.from_arrays(squares), 8, 2)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert batches[0].dtype == tf.float32
    np.testing.assert_array_equal(np.concatenate(batches), squares)


def test_labels_stay_with_their_images():
    batches = _squares(data.from_arrays(IMAGES, np.arange(5)), 8, 2)
    assert np.concatenate([labels for _, labels in batches]).tolist() == list(range(5))
    np.testing.assert_array_equal(batches[0][0], IMAGES[:2, 2:10])


def test_the_shorter_side_is_resized_and_the_centre_cut_out():
    whole = tf.image.resize(IMAGES, (9, 6), antialias=True)
    (found,) = _squares(data.from_arrays(IMAGES), 4, 8, resize=6)
    assert found.shape == (5, 4, 4, 3)
    np.testing.assert_allclose(found, whole[:, 2:6, 1:5], atol=1e-3)


def test_images_of_different_sizes_make_one_batch():
    sizes = [(12, 8), (5, 20), (8, 8)]

    def generate():
        for size in sizes:
            yield np.full((*size, 3), size[0], np.uint8)

    dataset = tf.data.Dataset.from_generator(
        generate, output_signature=tf.TensorSpec((None, None, 3), tf.uint8)
    )
    (found,) = _squares(dataset, 8, 4)
    assert found.shape == (3, 8, 8, 3)
    np.testing.assert_allclose(found[:, 4, 4, 0], [12, 5, 8], atol=1e-3)


def test_a_crop_larger_than_what_it_is_cut_from_is_refused():
    with pytest.raises(ValueError, match="Expected.*image_size=8, resize=6"):
        data.evaluation_pipeline(data.from_arrays(IMAGES), 8, 2, resize=6)
