"""Views in the pipeline: what they are drawn from, and images of different sizes."""

import io

import data_service
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import augment, data
from keras_twins.data import pipeline
from keras_twins.errors import InputError

COUNT = 7
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (COUNT, 9, 9, 3), dtype=np.uint8)
SIZES = [(5, 9), (12, 7), (20, 20), (6, 6), (9, 30), (11, 8), (7, 7)]


class Keys:
    """In place of TwoViews: shows each image's key and its first pixel."""

    def __call__(self, images, keys):
        return keys, tf.cast(images[:, 0, 0, 0], tf.int64)


@pytest.fixture(scope="module")
def views():
    return augment.TwoViews("digits", seed=3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of different sizes."""
    root = tmp_path_factory.mktemp("photos")
    for number, size in enumerate(SIZES):
        pixels = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
    return data.load(f"folder:{root}")


def _take(dataset, count):
    return [np.concatenate(view) for view in zip(*dataset.take(count), strict=True)]


def _keys(start, batch_size=COUNT, epochs=1):
    dataset = data.two_view_pipeline(
        data.from_arrays(IMAGES), Keys(), batch_size, start=start, drop_remainder=False
    )
    steps = -(-COUNT // batch_size) * epochs
    return _take(dataset, steps)


def _keys_of(images, batch_size):
    """The keys of the first batch, and its images."""
    images = np.stack(list(images))
    dataset = data.two_view_pipeline(
        data.from_arrays(images), Keys(), batch_size, start=(0, 0)
    )
    keys = next(iter(dataset))[0].numpy()
    return keys, images[keys % len(images)]


def test_a_key_belongs_to_one_image_in_one_epoch():
    keys, pixels = _keys((0, 0), epochs=5)
    assert len(set(keys)) == 5 * COUNT
    np.testing.assert_array_equal(pixels, IMAGES[keys % COUNT, 0, 0, 0])
    np.testing.assert_array_equal(keys // COUNT, np.repeat(range(5), COUNT))


def test_keys_do_not_depend_on_batch_size_or_start():
    np.testing.assert_array_equal(_keys((3, 0), 2)[0], _keys((3, 0), COUNT)[0])
    np.testing.assert_array_equal(_keys((3, 0))[0], _keys((0, 0), epochs=4)[0][-COUNT:])


def test_views_are_those_of_the_image_and_its_key(views):
    images = data.from_arrays(IMAGES)
    found = data.two_view_pipeline(images, views, 3, start=(2, 0))
    assert found.element_spec == (tf.TensorSpec((3, 16, 16, 3)),) * 2
    keys = data.two_view_pipeline(images, Keys(), 3, start=(2, 0)).take(2)
    for view_pair, (batch_keys, _) in zip(found.take(2), keys, strict=True):
        expected = views(IMAGES[batch_keys.numpy() % COUNT], batch_keys)
        for view, expected_view in zip(view_pair, expected, strict=True):
            np.testing.assert_allclose(view, expected_view, atol=1e-5)


def test_images_of_different_sizes_give_the_views_of_each_alone(views, photos):
    dataset = data.two_view_pipeline(photos, views, 3, start=(1, 0))
    assert dataset.element_spec == (tf.TensorSpec((3, 16, 16, 3)),) * 2
    found = _take(dataset, 2)
    keys = _keys((1, 0))[0][:6]
    images = list(photos)
    for row, key in enumerate(keys):
        expected = views(images[key % COUNT][None], keys[row : row + 1])
        for view, expected_view in zip(found, expected, strict=True):
            np.testing.assert_allclose(view[row], expected_view[0], atol=1e-5)


def test_batch_size_workers_and_reading_in_order_leave_the_views_alone(views, photos):
    def pipeline(images, batch_size, shard=None):
        return data.two_view_pipeline(
            images, views, batch_size, start=(0, 0), drop_remainder=False, shard=shard
        )

    whole = _take(pipeline(photos, COUNT), 1)
    for name, view in zip("ab", _take(pipeline(photos, 3), 3), strict=True):
        np.testing.assert_allclose(view, whole["ab".index(name)], atol=1e-5)
    odd = _take(pipeline(photos, 8, shard=(1, 2)), 1)
    np.testing.assert_allclose(odd[0], whole[0][1::2], atol=1e-5)
    # Without random access the order is another one, and no view changes.
    streamed = _take(pipeline(photos.map(lambda image: image), 3), 3)
    for view, expected in zip(streamed, whole, strict=True):
        by_content = sorted(range(COUNT), key=lambda i, v=view: v[i].sum())
        by_content_too = sorted(range(COUNT), key=lambda i, v=expected: v[i].sum())
        np.testing.assert_allclose(
            view[by_content], expected[by_content_too], atol=1e-5
        )


def test_files_of_one_size_give_the_views_of_an_array(views, tmp_path):
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    files = data.load(f"folder:{tmp_path}")
    expected = _take(
        data.two_view_pipeline(data.from_arrays(IMAGES), views, 4, start=(0, 0)), 2
    )
    dataset = data.two_view_pipeline(files, views, 4, start=(0, 0), cache=False)
    for view, expected_view in zip(_take(dataset, 2), expected, strict=True):
        np.testing.assert_allclose(view, expected_view, atol=1e-5)


def test_large_jpegs_give_the_views_of_their_images(views, tmp_path):
    for number in range(4):
        ramp = np.linspace(0, 200, 64) + 10 * number
        image = np.stack([np.tile(ramp, (48, 1))] * 3, -1).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number}.jpg", quality=95)
    files = data.load(f"folder:{tmp_path}")
    dataset = data.two_view_pipeline(files, views, 4, start=(0, 0), cache=False)
    keys, images = _keys_of(files, 4)
    expected = views(images, keys)
    # The decoder rounds colours at the border of what it decodes.
    for view, expected_view in zip(_take(dataset, 1), expected, strict=True):
        np.testing.assert_allclose(view, expected_view, atol=0.05)


def test_a_broken_jpeg_is_named(views, tmp_path):
    photo = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    files = data.load(f"folder:{tmp_path}")
    dataset = data.two_view_pipeline(files, views, 2, start=(0, 0), cache=False)
    with pytest.raises(InputError, match=r"broken\.jpg cannot be decoded: .*JPEG data"):
        with data.explain_read_errors(files):
            next(iter(dataset))


def test_crops_of_a_jpeg_are_refused_where_the_whole_is(tmp_path):
    spec = augment.preset("cifar10")
    small = {"crop_scale": (0.05, 0.1)}
    spec |= {name: spec[name] | small for name in ("view_a", "view_b")}
    views = augment.TwoViews(spec | {"image_size": 8})
    file = io.BytesIO()
    photo = Image.fromarray(RNG.integers(0, 256, (128, 32, 3), dtype=np.uint8))
    photo.save(file, "JPEG")
    whole = file.getvalue()
    cuts = np.linspace(0.3, 1, 24)
    for number, share in enumerate(cuts):
        cut = whole[: int(share * len(whole))]
        (tmp_path / f"{number:02}.jpg").write_bytes(cut)
    (tmp_path / "tail.jpg").write_bytes(whole + bytes(100))
    files = data.load(f"folder:{tmp_path}")
    bad = [path for _, path in data.unreadable(files.source.paths) if path]
    assert len(bad) in (22, 23)
    make = pipeline._view_maker(files.source, views)
    crops = files.source.records().enumerate().map(make).ignore_errors()
    assert len(list(crops)) == len(cuts) + 1 - len(bad)


def test_workers_of_a_service_make_every_batch_once():
    with data_service.running() as service:
        dataset = data.two_view_pipeline(
            data.from_arrays(IMAGES), Keys(), 2, start=(1, 1), service=service
        )
        keys, pixels = _take(dataset, 40)
    assert len(set(keys)) == 80
    np.testing.assert_array_equal(pixels, IMAGES[keys % COUNT, 0, 0, 0])
    assert keys.min() >= COUNT


def test_a_service_needs_a_place_to_start():
    with pytest.raises(ValueError, match="start=None"):
        data.two_view_pipeline(
            data.from_arrays(IMAGES), Keys(), 2, service="grpc://localhost:1"
        )


def test_fit_sees_a_new_epoch_each_time_without_steps_per_epoch():
    class Recorder(keras.Model):
        def train_step(self, batch):
            batches.append(batch[0].numpy().tolist())
            return {"loss": 0.0}

    batches = []
    model = Recorder()
    model.compile(run_eagerly=True)
    dataset = data.two_view_pipeline(data.from_arrays(IMAGES), Keys(), 3)
    model.fit(dataset, epochs=3, shuffle=False, verbose=0)
    assert len(batches) == 3 * 2
    assert len(set(sum(batches, []))) == 3 * 6


def test_replicas_split_every_global_batch():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    dataset = data.two_view_pipeline(
        data.from_arrays(IMAGES), Keys(), 4, start=(0, 0), drop_remainder=True
    )
    distributed = strategy.experimental_distribute_dataset(dataset)
    (keys, _), (expected, _) = next(iter(distributed)), next(iter(dataset))
    np.testing.assert_array_equal(
        np.concatenate(strategy.experimental_local_results(keys)), expected
    )


def test_images_of_different_sizes_make_no_batch_and_no_cache(photos):
    with pytest.raises(ValueError, match=r"make no batch.*image_shape=\(None, None"):
        data.image_batches(photos, 2)
    dataset = photos.map(lambda image: image)
    with pytest.raises(ValueError, match="cannot be cached.*Received: cache=True"):
        data.two_view_pipeline(dataset, Keys(), 2, cache=True)
