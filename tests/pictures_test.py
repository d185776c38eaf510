"""Thumbnails, sheets of them, and heat maps."""

import base64
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import pictures


@pytest.mark.parametrize("count", [1, 2, 4, 5, 2000])
def test_the_place_of_a_picture_in_a_sprite(count):
    side = 2
    tiles = np.arange(count).reshape(-1, 1, 1, 1) % 251
    tiles = np.broadcast_to(tiles, (count, side, side, 3)).astype(np.uint8)
    sheet = np.asarray(pictures.sprite(tiles))
    columns = pictures.columns(count)
    assert sheet.shape == (columns * side, columns * side, 3)
    assert columns**2 >= count > (columns - 1) ** 2
    for row in {0, count // 2, count - 1}:
        y, x = row // columns * side, row % columns * side
        np.testing.assert_array_equal(sheet[y : y + side, x : x + side], tiles[row])


def test_thumbnails_come_in_the_order_of_the_dataset():
    images = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1) * np.ones(
        (7, 4, 6, 3), np.uint8
    )
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(7))).batch(3)
    found = pictures.thumbnails(dataset, 5, 8)
    assert found.shape == (5, 8, 8, 3)
    np.testing.assert_array_equal(found[:, 0, 0, 0], np.arange(5))


def test_enlarged_pixels_stay_sharp():
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = image[1, 1] = 255
    found = np.asarray(pictures.thumbnail(image, 8))
    np.testing.assert_array_equal(found, image.repeat(4, 0).repeat(4, 1))


def test_grey_and_float_images_have_thumbnails():
    found = np.asarray(pictures.thumbnail(np.full((4, 4, 1), 300.0), 6))
    np.testing.assert_array_equal(found, np.full((6, 6, 3), 255))


def test_a_heat_map_is_white_at_zero_and_differs_by_sign():
    colours = pictures.heat_map(np.array([[0.0, 1.0], [-1.0, 3.0]], np.float32))
    assert colours.dtype == np.uint8
    np.testing.assert_array_equal(colours[0, 0], 255)
    assert colours[0, 1, 0] > colours[0, 1, 2]
    assert colours[1, 0, 2] > colours[1, 0, 0]
    np.testing.assert_array_equal(colours[1, 1], colours[0, 1])


@pytest.mark.parametrize(("quality", "kind"), [(None, "png"), (90, "webp")])
def test_a_data_uri_is_the_picture(quality, kind):
    picture = Image.new("RGB", (3, 2), "red")
    head, data = pictures.data_uri(picture, quality).split(",")
    assert head == f"data:image/{kind};base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (3, 2)


def test_classes_in_words():
    assert pictures.names(None, ("cat",), 2) == ["", ""]
    assert pictures.names([1, 0], ("cat", "dog"), 2) == ["dog", "cat"]
    # Labels beyond the names, as a data set without true labels has: -1.
    assert pictures.names([-1, 5], ("cat", "dog"), 2) == ["-1", "5"]


def test_a_log_mel_is_no_picture():
    log_mel = np.random.default_rng(0).normal(-5, 4, (64, 96, 1))
    with pytest.raises(ValueError, match="not the pixels.*Expected.*Received"):
        pictures.thumbnail(log_mel, 32)
