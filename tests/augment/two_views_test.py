import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, (6, 20, 24, 3)).astype(np.uint8)
KEYS = np.array([5, -1, 2**40, 0, 7, 8], np.int64)
UNCHANGED = {
    "crop_scale": (1.0, 1.0),
    "crop_ratio": (1.0, 1.0),
    "interpolation": "bicubic",
    "flip": 0.0,
    "jitter": 1.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "greyscale": 0.0,
    "blur": 0.0,
    "blur_sigma": (0.1, 2.0),
    "solarise": 0.0,
}


def spec(size=16, **changes):
    """Every step at work, in a small image."""
    everything = augment.preset("imagenet")
    for view in ("view_a", "view_b"):
        everything[view] |= {"blur": 0.5, "solarise": 0.5} | changes
    return everything | {"image_size": size}


def assert_close(actual, expected, atol=1e-4):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.fixture(scope="module")
def views():
    return augment.TwoViews(spec(), seed=1)


@pytest.fixture(scope="module")
def expected(views):
    return [view.numpy() for view in views(IMAGES, KEYS)]


@pytest.mark.parametrize("name", ["digits", "cifar10", "stl10", "tiny_imagenet"])
def test_shape_type_and_range(name):
    a, b = augment.TwoViews(name)(IMAGES)
    settings = augment.preset(name)
    size, mean, std = (np.array(settings[k]) for k in ("image_size", "mean", "std"))
    for view in (a, b):
        assert view.shape == (6, size, size, 3) and view.dtype == tf.float32
        pixels = view * std + mean
        assert np.all(pixels > -1e-4) and np.all(pixels < 1 + 1e-4)
    assert np.abs(a - b).max() > 0.1


def test_views_are_a_function_of_seed_and_key_alone(views, expected):
    order = np.array([4, 0, 2])
    shuffled = views(IMAGES[order], KEYS[order])
    assert_close(shuffled, [view[order] for view in expected])
    alone = views(IMAGES[3:4], KEYS[3:4])
    assert_close(alone, [view[3:4] for view in expected])
    other = augment.TwoViews(spec(), seed=2)(IMAGES, KEYS)
    assert np.abs(other[0] - expected[0]).max() > 0.1


def test_changing_one_image_leaves_the_others_alone(views, expected):
    images = IMAGES.copy()
    images[2] = 255 - images[2]
    changed = views(images, KEYS)
    for now, before in zip(changed, expected, strict=True):
        others = np.arange(6) != 2
        np.testing.assert_array_equal(now.numpy()[others], before[others])
        assert np.abs(now[2] - before[2]).max() > 0.1


def test_same_in_tf_data_with_any_batch_and_in_a_graph(views, expected):
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, KEYS)).batch(4)
    batches = list(pairs.map(views, num_parallel_calls=2).as_numpy_iterator())
    joined = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    assert_close(joined, expected)
    assert_close(tf.function(views)(IMAGES, KEYS), expected)


def test_same_under_xla(views, expected):
    compiled = tf.function(views, jit_compile=True)
    assert_close(compiled(tf.constant(IMAGES), tf.constant(KEYS)), expected)


def test_same_inside_a_model(views, expected):
    images = keras.Input((20, 24, 3), dtype="uint8")
    keys = keras.Input((), dtype="int64")
    model = keras.Model([images, keys], views(images, keys))
    assert_close(model([IMAGES, KEYS], training=True), expected)
    # A model that predicts is not training, and its layers follow.
    plain = views(IMAGES, training=False)
    assert_close(model.predict([IMAGES, KEYS], batch_size=4, verbose=0), plain)


def test_one_image_at_a_time_and_finished_in_a_batch_is_the_same(views, expected):
    crops = [
        views.resample(image, key) for image, key in zip(IMAGES, KEYS, strict=True)
    ]
    crops_a, crops_b = (np.stack(side) for side in zip(*crops, strict=True))
    assert crops_a.dtype == np.float32 and 0 <= crops_a.min() <= crops_a.max() <= 255
    # Without solarise: a last digit may put a pixel on the other side of its threshold.
    plain = augment.TwoViews(spec(solarise=0.0), seed=1)
    assert_close(plain.finish(crops_a, crops_b, KEYS), plain(IMAGES, KEYS), atol=1e-3)


def test_photographs_are_decoded_only_where_the_crops_are(views):
    rows, columns = np.mgrid[:150, :200]
    smooth = np.stack([rows, columns, 255 - rows], axis=-1).astype(np.uint8)
    data = tf.io.encode_jpeg(smooth, quality=95)
    for key in range(4):
        window = views.resample_parts(
            150, 200, lambda window: tf.image.decode_and_crop_jpeg(data, window), key
        )
        whole = views.resample(tf.io.decode_jpeg(data), key)
        assert_close(window, whole, atol=3.0)


def test_uint8_and_float_in_any_range_give_the_same(views, expected):
    assert_close(views(IMAGES.astype(np.float32), KEYS), expected)
    scaled = augment.TwoViews(spec(), seed=1, value_range=(-1, 1))
    assert_close(scaled(IMAGES / 127.5 - 1.0, KEYS), expected, atol=1e-2)
    assert_close(scaled(IMAGES, KEYS), expected)


def test_grey_is_repeated_and_alpha_dropped(views, expected):
    grey = IMAGES[..., :1]
    assert_close(views(grey, KEYS), views(np.repeat(grey, 3, axis=3), KEYS), atol=1e-3)
    with_alpha = np.concatenate([IMAGES, grey], axis=3)
    assert_close(views(with_alpha, KEYS), expected)
    crop, _ = views.resample(grey[0], 1)
    assert crop.shape == (3, 16, 16)


@pytest.mark.parametrize("exact_colour", [False, True])
def test_identity_when_every_strength_is_zero(exact_colour):
    square = IMAGES[:, :20, :20]
    quiet = augment.preset("cifar10") | {"image_size": 20}
    quiet |= {"view_a": UNCHANGED, "view_b": UNCHANGED}
    layer = augment.TwoViews(quiet, exact_colour=exact_colour)
    plain = (square / 255.0 - quiet["mean"]) / quiet["std"]
    assert_close(layer(square, KEYS), (plain, plain), atol=1e-3)
    assert_close(layer(square, training=False), (plain, plain), atol=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"crop_scale": (0.3, 1.0)},
        {"flip": 0.5},
        {"jitter": 0.5, "brightness": 0.4},
        {"contrast": 0.4},
        {"saturation": 0.4},
        {"hue": 0.1},
        {"greyscale": 0.5},
        {"blur": 0.5},
        {"blur": 1.0},
        {"solarise": 0.5},
    ],
    ids=str,
)
def test_the_two_views_draw_each_change_independently(changes):
    settings = augment.preset("cifar10") | {"image_size": 8}
    settings |= {"view_a": UNCHANGED | changes, "view_b": UNCHANGED | changes}
    # One image again and again: how far a view is from it depends on the draw alone.
    images = np.repeat(IMAGES[:1, :8, :8], 200, axis=0)
    layer = augment.TwoViews(settings)
    plain = layer(images, training=False)
    changed = layer(images, np.arange(200))
    distances = [
        np.linalg.norm((now - before).numpy().reshape(200, -1), axis=1)
        for now, before in zip(changed, plain, strict=True)
    ]
    assert np.min(np.std(distances, axis=1)) > 0.01
    # Chance gives ±0.07, a shared draw 1.
    assert abs(np.corrcoef(distances)[0, 1]) < 0.3


def test_without_training_there_is_no_randomness(views):
    a, b = views(IMAGES, training=False)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, views(IMAGES, KEYS, training=False)[0])


def test_without_keys_each_call_is_new_and_a_new_layer_repeats_them():
    first, second = (augment.TwoViews(spec(), seed=4) for _ in range(2))
    calls = [first(IMAGES)[0].numpy() for _ in range(3)]
    assert np.abs(calls[0] - calls[1]).max() > 0.1
    graph = tf.function(second)
    assert_close([graph(IMAGES)[0] for _ in range(3)], calls)
    third = augment.TwoViews(spec(), seed=4)
    batches = tf.data.Dataset.from_tensors(IMAGES).repeat(3).map(third)
    assert_close([a for a, _ in batches], calls)


def test_a_step_is_spread_over_the_rows(views):
    images = np.repeat(IMAGES[:1], 4, axis=0)
    a, _ = views(images, 3)
    assert_close(views(images, tf.constant(3, tf.int64)), views(images, 3))
    assert len(np.unique(a.numpy().reshape(4, -1)[:, :50], axis=0)) == 4


def test_a_step_gives_the_same_views_on_one_device_and_on_two():
    script_views = augment.TwoViews(spec(), seed=1)
    whole = script_views(IMAGES, 9)

    class Second:
        """The second of two replicas: four rows lie on the first."""

        num_replicas_in_sync = 2
        replica_id_in_sync_group = 1

        def all_reduce(self, operation, rows):
            return rows + [4, 0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.distribute, "get_replica_context", Second)
        rest = script_views(IMAGES[4:], 9)
    assert_close(rest, [view[4:] for view in whole])


def test_mixed_precision_leaves_the_views_in_float32(expected):
    layer = augment.TwoViews(spec(), seed=1, dtype="mixed_float16")
    actual = layer(IMAGES, KEYS)
    assert actual[0].dtype == tf.float32
    assert_close(actual, expected)


def test_survives_saving_with_a_model(views, expected, tmp_path):
    custom = augment.TwoViews(spec(), 1, (0, 1), exact_colour=True)
    for layer in (views, custom, augment.TwoViews("digits")):
        config = keras.saving.serialize_keras_object(layer)
        again = keras.saving.deserialize_keras_object(config)
        assert again.get_config() == layer.get_config()
    images = keras.Input((20, 24, 3), dtype="uint8")
    keys = keras.Input((), dtype="int64")
    model = keras.Model([images, keys], views(images, keys))
    model.save(tmp_path / "views.keras")
    loaded = keras.models.load_model(tmp_path / "views.keras")
    assert_close(loaded([IMAGES, KEYS]), expected)


def test_composes_with_keras_cv_layers():
    import keras_cv

    flip = keras_cv.layers.RandomFlip("vertical", seed=1)
    chain = keras_cv.layers.Augmenter([flip, augment.TwoViews(spec())])
    a, b = chain(IMAGES.astype(np.float32))
    cutout = keras_cv.layers.RandomCutout(0.5, 0.5, seed=1)
    assert cutout(a).shape == b.shape == (6, 16, 16, 3)


def test_images_smaller_than_the_views_are_enlarged(views):
    for size in ((1, 1), (2, 30)):
        a, _ = views(RANDOM.integers(0, 256, (3, *size, 3)).astype(np.uint8), 0)
        assert a.shape == (3, 16, 16, 3) and np.all(np.isfinite(a))


def test_exact_colour_differs_from_the_fused_one_by_a_few_levels():
    settings = augment.preset("cifar10")
    fused, exact = (
        augment.TwoViews(settings, exact_colour=choice)(IMAGES, KEYS)
        for choice in (False, True)
    )
    levels = 255 * np.abs(fused[0] - exact[0]) * settings["std"]
    assert 0.01 < levels.mean() < 15


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], "Wrong rank"),
        (IMAGES[None], "Wrong rank"),
        (IMAGES[..., :2], "Wrong number of channels"),
        (IMAGES[:, :0], "empty"),
    ],
)
def test_wrong_images_are_refused_in_three_parts(views, images, message):
    with pytest.raises(ValueError, match=rf"{message}.*`images`.*Expected.*Received"):
        views(images)


def test_keys_of_another_shape_are_refused(views):
    with pytest.raises(ValueError, match=r"`keys`.*Expected.*Received"):
        views(IMAGES, KEYS[:, None])
    with pytest.raises(ValueError, match=r"`keys`.*Expected.*Received"):
        views(IMAGES, KEYS[:2])
