"""The laws of the order of images, in every way that images can be read."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import data
from keras_twins.data import memory
from keras_twins.data.sources import SourceDataset
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


@pytest.fixture(scope="module")
def run(images):
    """The batches of five endless epochs: 4, 4 and 3 images in each."""
    return _batches(images, 4, 15, start=(0, 0), drop_remainder=False)


def test_epochs_have_every_image_once_and_differ(run):
    assert [len(batch) for batch in run] == [4, 4, 3] * 5
    epochs = [sum(run[first : first + 3], []) for first in range(0, 15, 3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 5


def test_the_order_does_not_depend_on_the_batch_size(images, run):
    assert _batches(images, COUNT, 2, start=(3, 0)) == [
        sum(run[9:12], []),
        sum(run[12:15], []),
    ]


def test_the_order_of_an_endless_run_depends_on_its_seed(images):
    orders = [_batches(images, COUNT, 2, seed=seed, start=(0, 0)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    for one, other in zip(orders[0], orders[2], strict=True):
        assert one != other


@pytest.mark.parametrize("start", [(2, 1), (0, 7)])
def test_starting_late_gives_the_batches_of_a_run_from_the_beginning(
    images, run, start
):
    assert _batches(images, 4, 8, start=start, drop_remainder=False) == run[7:]


def test_a_short_last_batch_may_be_dropped(images, run):
    full = [batch for batch in run if len(batch) == 4]
    assert _batches(images, 4, 7, start=(1, 1)) == full[3:]


def test_workers_share_every_global_batch(images, run):
    options = {"start": (1, 1), "drop_remainder": False}
    parts = [_batches(images, 4, 11, shard=(i, 2), **options) for i in range(2)]
    for batch, even, odd in zip(run[4:], *parts, strict=True):
        assert (batch[::2], batch[1::2]) == (even, odd)


def test_one_epoch_an_iteration_is_reproducible_and_new_each_time(images):
    def epochs(seed):
        dataset = data.image_batches(images, 4, seed, cache=False, drop_remainder=False)
        assert int(dataset.cardinality()) == 3
        return [
            [batch[:, 0, 0, 0].tolist() for batch in dataset.as_numpy_iterator()]
            for _ in range(3)
        ]

    first = epochs(seed=5)
    assert all(sorted(sum(epoch, [])) == list(range(COUNT)) for epoch in first)
    assert first == epochs(seed=5) != epochs(seed=6)
    assert first[0] != first[1] != first[2] != first[0]


def test_batches_have_a_static_shape():
    images = data.from_arrays(IMAGES)
    spec = data.image_batches(images, 4, shard=(0, 2)).element_spec
    assert spec == tf.TensorSpec((2, 2, 2, 3), tf.uint8)
    endless = data.image_batches(images, 4, start=(0, 0))
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY


def test_a_cache_and_files_give_the_order_of_an_array(images, run):
    options = {"start": (0, 0), "drop_remainder": False}
    expected = _batches(data.from_arrays(IMAGES), 4, 15, **options)
    assert _batches(images, 4, 15, cache=True, **options) == expected
    if isinstance(images, SourceDataset):
        assert run == expected


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
    assert sorted(batch) == list(range(COUNT))


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
        (dataset.map(lambda image: {"image": image}), "unbatched"),
        (dataset.batch(2), "unbatched.*Received: element_spec"),
        (dataset.repeat(), "must be known.*cardinality=-1"),
        (dataset.filter(lambda _: True), "must be known.*cardinality=-2"),
    ]:
        with pytest.raises(ValueError, match=message):
            data.image_batches(images, 4)
