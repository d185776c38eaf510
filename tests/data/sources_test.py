import numpy as np
import pytest
import tensorflow as tf

from keras_twins import data
from keras_twins.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)


def _stack(dataset):
    return np.stack(list(dataset.as_numpy_iterator()))


def test_digits_are_all_1797_scans_in_two_stratified_parts():
    from sklearn.datasets import load_digits

    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert (int(train.cardinality()), int(test.cardinality())) == (1437, 360)
    assert train.element_spec == tf.TensorSpec((8, 8, 3), tf.uint8)
    ours = np.concatenate([_stack(train), _stack(test)])
    assert (ours == ours[..., :1]).all()
    # The 17 levels keep their distance, and the two parts are the whole.
    levels = np.rint(load_digits().images * 255 / 16)
    assert sorted(map(bytes, ours[..., 0])) == sorted(
        map(bytes, levels.astype(np.uint8))
    )
    labels = [int(label) for _, label in data.load("digits", "test", labels=True)]
    assert set(np.bincount(labels)) <= {35, 36, 37}


def test_labels_of_digits_belong_to_their_images():
    from sklearn.datasets import load_digits

    known = {
        bytes(np.rint(image * 255 / 16).astype(np.uint8)): label
        for image, label in zip(*load_digits(return_X_y=True), strict=True)
    }
    for image, label in data.load("digits", "test", labels=True).as_numpy_iterator():
        assert known[bytes(image[..., 0].ravel())] == label


def test_loading_twice_gives_the_same_order():
    first, second = data.load("digits"), data.load("digits")
    np.testing.assert_array_equal(_stack(first), _stack(second))


def test_digits_have_no_other_split():
    with pytest.raises(InputError, match="'digits' has no split 'val'.*test"):
        data.load("digits", "val")


def test_describe_says_what_is_there():
    found = data.describe("digits", "test")
    assert found.num_images == 360
    assert found.image_shape == (8, 8, 3)
    assert found.class_names == tuple("0123456789")


def test_arrays_come_back_as_they_are():
    dataset = data.from_arrays(IMAGES)
    assert dataset.element_spec == tf.TensorSpec((4, 6, 3), tf.uint8)
    np.testing.assert_array_equal(_stack(dataset), IMAGES)


def test_arrays_are_copied():
    images = IMAGES.copy()
    dataset = data.from_arrays(images)
    images[:] = 0
    np.testing.assert_array_equal(_stack(dataset), IMAGES)


@pytest.mark.parametrize("grey", [IMAGES[..., 0], IMAGES[..., :1]])
def test_grey_arrays_become_rgb(grey):
    expected = np.repeat(IMAGES[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(_stack(data.from_arrays(grey)), expected)


def test_alpha_of_arrays_is_dropped():
    rgba = np.concatenate([IMAGES, IMAGES[..., :1]], axis=-1)
    np.testing.assert_array_equal(_stack(data.from_arrays(rgba)), IMAGES)


def test_float_arrays_are_rounded():
    floats = IMAGES.astype(np.float32)
    floats[0, 0, 0] = 100.6
    assert _stack(data.from_arrays(floats))[0, 0, 0, 0] == 101


def test_array_labels_are_int64():
    pairs = list(data.from_arrays(IMAGES, np.arange(5, dtype=np.uint8)))
    assert [int(label) for _, label in pairs] == [0, 1, 2, 3, 4]
    assert pairs[0][1].dtype == tf.int64


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0, 0], r"wrong shape.*Expected.*Received: images.shape=\(6, 3\)"),
        (IMAGES[..., :2], "wrong shape"),
        (IMAGES[:0], "wrong shape"),
        (IMAGES.astype(np.int32), "wrong dtype.*Expected uint8.*int32"),
        (IMAGES / 255, r"multiply images in 0..1 by 255.*Received: values in 0\.0"),
        (IMAGES - 1.0, "Received: values in -1"),
        (IMAGES * np.nan, "outside the expected range"),
    ],
)
def test_other_arrays_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        data.from_arrays(images)


@pytest.mark.parametrize("labels", [np.arange(4), np.linspace(0, 1, 5)])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match=r"one integer an image.*Received"):
        data.from_arrays(IMAGES, labels)
