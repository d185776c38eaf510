"""The laws of the order of images, in every way that images can be read."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import data
from keras_twins.data import memory
from keras_twins.errors import InputError

COUNT = 11
# Every pixel of an image is the image's number.
IMAGES = np.tile(np.arange(COUNT, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 3))


@pytest.fixture(scope="module", params=["array", "files", "stream"])
def images(request, tmp_path_factory):
    """The same images, in memory, in files, and as what is only read in order."""
    if request.param == "array":
        return data.from_arrays(IMAGES)
    if request.param == "stream":
        return tf.data.Dataset.from_tensor_slices(IMAGES)
    root = tmp_path_factory.mktemp("images")
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(root / f"{number:02}.png")
    return data.load(f"folder:{root}")


def _batches(images, batch_size, count=None, **options):
    options = {"cache": False, **options}
    dataset = data.image_batches(images, batch_size, **options)
    found = itertools.islice(dataset.as_numpy_iterator(), count)
    return [batch[:, 0, 0, 0].tolist() for batch in found]


def test_an_epoch_has_every_image_once(images):
    batches = _batches(images, 4, drop_remainder=False)
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert sorted(sum(batches, [])) == list(range(COUNT))


def test_endless_epochs_have_every_image_once_and_differ(images):
    batches = _batches(images, 4, 12, start=(0, 0), drop_remainder=False)
    assert [len(batch) for batch in batches] == [4, 4, 3] * 4
    epochs = [sum(batches[first : first + 3], []) for first in range(0, 12, 3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 4


def test_the_order_does_not_depend_on_the_batch_size(images):
    def first_epoch(batch_size, steps):
        options = {"start": (3, 0), "drop_remainder": False}
        return sum(_batches(images, batch_size, steps, **options), [])

    assert first_epoch(4, 3) == first_epoch(COUNT, 1)


@pytest.mark.parametrize("drop_remainder", [True, False])
def test_starting_late_gives_the_batches_of_a_run_from_the_beginning(
    images, drop_remainder
):
    steps = 2 if drop_remainder else 3
    run = _batches(images, 4, 5 * steps, start=(0, 0), drop_remainder=drop_remainder)
    for epoch, step in [(2, 1), (0, 2 * steps + 1)]:
        first = epoch * steps + step
        late = _batches(
            images, 4, 4, start=(epoch, step), drop_remainder=drop_remainder
        )
        assert late == run[first : first + 4]


def test_workers_share_every_global_batch(images):
    options = {"start": (1, 1), "drop_remainder": False}
    whole = _batches(images, 4, 6, **options)
    parts = [_batches(images, 4, 6, shard=(i, 2), **options) for i in range(2)]
    for batch, even, odd in zip(whole, *parts, strict=True):
        assert (batch[::2], batch[1::2]) == (even, odd)


def test_one_epoch_an_iteration_is_reproducible_and_new_each_time(images):
    def epochs(seed):
        dataset = data.image_batches(images, 4, seed, cache=False)
        assert int(dataset.cardinality()) == 2
        return [
            [batch[:, 0, 0, 0].tolist() for batch in dataset.as_numpy_iterator()]
            for _ in range(3)
        ]

    first = epochs(seed=5)
    assert first == epochs(seed=5) != epochs(seed=6)
    assert first[0] != first[1] != first[2] != first[0]


def test_batches_have_a_static_shape(images):
    spec = data.image_batches(images, 4, shard=(0, 2)).element_spec
    assert spec == tf.TensorSpec((2, 2, 2, 3), tf.uint8)
    endless = data.image_batches(images, 4, start=(0, 0))
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY


def test_reading_from_a_cache_or_from_files_gives_the_order_of_an_array(images):
    expected = _batches(data.from_arrays(IMAGES), 4, 5, start=(0, 0))
    assert _batches(images, 4, 5, start=(0, 0), cache=True) == expected
    if getattr(images, "source", None):
        assert _batches(images, 4, 5, start=(0, 0)) == expected


@pytest.mark.parametrize(("share", "reads"), [(1.0, 1), (0.0, 3)])
def test_images_are_cached_where_the_budget_allows_it(monkeypatch, share, reads):
    monkeypatch.setattr(memory, "MEMORY_SHARE", share)
    seen = []

    def note(number):
        seen.append(int(number))
        return np.full((2, 2, 3), number, np.uint8)

    def image(number):
        pixels = tf.numpy_function(note, [number], tf.uint8, stateful=True)
        return tf.ensure_shape(pixels, (2, 2, 3))

    dataset = data.image_batches(tf.data.Dataset.range(6).map(image), 3)
    for _ in range(3):
        assert sorted(np.concatenate(list(dataset))[:, 0, 0, 0]) == list(range(6))
    assert len(seen) == 6 * reads


def test_more_than_all_images_make_no_batch():
    images = data.from_arrays(IMAGES)
    with pytest.raises(InputError, match="batch_size=12 is larger than the 11 images"):
        data.image_batches(images, 12)
    (batch,) = _batches(images, 12, drop_remainder=False)
    assert len(batch) == COUNT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"shard": (0, 3)}, "batch_size=4 cannot be shared equally by 3 workers"),
        ({"shard": (2, 2)}, r"one of the workers.*Expected.*shard=\(2, 2\)"),
        ({"start": (0, -1)}, r"position in training.*Expected.*start=\(0, -1\)"),
        ({"cache": "yes"}, "Invalid `cache`.*Expected.*Received: cache='yes'"),
    ],
)
def test_impossible_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        data.image_batches(data.from_arrays(IMAGES), **{"batch_size": 4, **options})


def test_what_is_no_collection_of_images_is_refused():
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    for images, message in [
        (IMAGES, "Expected a tf.data.Dataset"),
        (dataset.batch(2), "unbatched.*Received: element_spec"),
        (dataset.repeat(), "must be known.*cardinality=-1"),
        (dataset.filter(lambda _: True), "must be known.*cardinality=-2"),
    ]:
        with pytest.raises(ValueError, match=message):
            data.image_batches(images, 4)
