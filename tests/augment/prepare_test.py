import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment, data, evaluation, models
from keras_twins.augment.prepare import batch_planes, resize_and_crop
from keras_twins.export.loading import load_function
from keras_twins.export.saved_model import image_graph


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


@pytest.mark.parametrize(
    "size", [(16, 16), (61, 47), (30, 200), (200, 33), (1, 1), (9, 11), (1, 90)]
)
@pytest.mark.parametrize("resize", [None, 20])
@pytest.mark.parametrize("xla", [False, True])
def test_the_matrices_of_a_batch_give_the_same(size, resize, xla):
    images = np.stack([_picture(*size, seed=n) for n in range(3)])
    planes = tf.function(lambda x: batch_planes(x, 16, resize), jit_compile=xla)(images)
    expected = resize_and_crop(images, 16, resize)
    assert planes.shape == (3, 3, 16, 16)
    np.testing.assert_allclose(tf.transpose(planes, (0, 2, 3, 1)), expected, atol=1e-3)


@pytest.mark.parametrize("resize", [None, 24])
def test_the_model_evaluation_and_the_export_prepare_alike(resize, tmp_path):
    keras.utils.set_random_seed(0)
    encoder = models.residual_encoder((16, 16, 3), "small", (4, 8), (1, 1))
    spec = augment.preset("cifar10") | {"image_size": 16}
    views = augment.TwoViews(spec, resize=resize)
    twins = models.Twins(encoder, models.projector(8, (8,)), views=views)
    coarse = np.random.default_rng(0).uniform(0, 255, (3, 4, 4, 3))
    images = tf.cast(tf.image.resize(coarse, (48, 96), "bilinear"), tf.uint8).numpy()
    embeddings = twins.embed(images)

    pixel_encoder = models.with_normalisation(encoder, spec["mean"], spec["std"])
    batches = data.evaluation_pipeline(data.from_arrays(images), 16, 2, resize=resize)
    evaluated, _ = evaluation.embed(pixel_encoder, batches)
    np.testing.assert_allclose(embeddings, evaluated, atol=1e-5)

    (tmp_path / "1").mkdir()
    image_graph(pixel_encoder, 16, resize, False, 10_000).save(tmp_path / "1")
    of_pixels = load_function(tmp_path / "1", "embed_images", "images")
    np.testing.assert_allclose(embeddings, of_pixels(images), atol=1e-5)
    of_files = load_function(tmp_path / "1", "serving_default", "image_bytes")
    files = tf.stack([tf.io.encode_png(image) for image in images])
    np.testing.assert_allclose(embeddings, of_files(files), atol=1e-5)


def test_both_views_are_what_prepare_gives_without_training():
    views = augment.TwoViews("digits")
    images = np.stack([_picture(30, 20)])
    expected = views.prepare(images)
    spec = views.spec
    squares = resize_and_crop(images, spec["image_size"]) / 255
    np.testing.assert_allclose(
        expected, (squares - spec["mean"]) / spec["std"], atol=1e-4
    )
    for view in views(images, training=False):
        np.testing.assert_array_equal(view, expected)


def test_views_that_are_larger_than_what_they_are_cut_from_are_refused():
    with pytest.raises(ValueError, match="Expected.*image_size=16, resize=12"):
        augment.TwoViews("digits", resize=12)
