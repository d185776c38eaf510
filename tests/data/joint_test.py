"""Batches that begin with labelled rows: which images, which labels, which views."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import augment, data
from keras_twins.data import memory
from keras_twins.errors import InputError

COUNT, BATCH_SIZE, LABELLED = 50, 16, 6
IMAGES = np.zeros((COUNT, 8, 8, 3), np.uint8) + np.arange(COUNT)[:, None, None, None]
IMAGES = IMAGES.astype(np.uint8)
KNOWN = {3: 2, 17: 0, 30: 1, 41: 2}
LABELS = np.array([KNOWN.get(place, -1) for place in range(COUNT)])


class Keys:
    """In place of TwoViews: shows each image's key and its first pixel."""

    def __call__(self, images, keys):
        return keys, tf.cast(images[:, 0, 0, 0], tf.int64)


def batches(labels=LABELS, labelled_rows=LABELLED, epochs=1, **kwargs):
    """`(keys, places, labels)`, each `(steps, rows)`, of so many epochs."""
    images = data.from_arrays(IMAGES)
    made = data.joint_pipeline(
        images, labels, Keys(), BATCH_SIZE, labelled_rows, **kwargs
    )
    found = [(*pair, given) for _ in range(epochs) for pair, given in made]
    return [np.stack(parts) for parts in zip(*found, strict=True)]


def test_the_first_rows_have_labels_and_all_labels_are_right():
    keys, places, labels = batches(epochs=3)
    np.testing.assert_array_equal(labels, LABELS[places])
    np.testing.assert_array_equal(keys % COUNT, places)
    assert np.all(labels[:, :LABELLED] >= 0)


def test_the_other_rows_pass_through_all_images():
    _, places, _ = batches(epochs=2)
    steps = COUNT // (BATCH_SIZE - LABELLED)
    assert len(places) == 2 * steps
    for epoch in (places[:steps], places[steps:]):
        others = epoch[:, LABELLED:].ravel()
        np.testing.assert_array_equal(np.sort(others), np.arange(COUNT))
    assert np.any(places[:steps] != places[steps:])


@pytest.mark.parametrize("labelled_rows", [1, 4, 6])
def test_a_batch_shows_labelled_images_equally_often(labelled_rows):
    _, places, _ = batches(labelled_rows=labelled_rows, epochs=8)
    shown = places[:, :labelled_rows]
    counts = np.stack([np.sum(shown == place, axis=1) for place in KNOWN], axis=1)
    assert np.all(counts.sum(axis=1) == labelled_rows)
    assert counts.max() == -(-labelled_rows // len(KNOWN))
    expected = counts.sum() / len(KNOWN)
    assert np.all(np.abs(counts.sum(axis=0) - expected) < 4 * np.sqrt(expected))


def test_no_two_rows_of_a_few_epochs_have_one_key():
    keys, _, _ = batches(epochs=4)
    assert len(np.unique(keys)) == keys.size


def test_the_seed_decides_everything():
    for one, other in zip(batches(seed=1), batches(seed=1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.any(batches(seed=1)[1] != batches(seed=2)[1])


def test_a_model_that_makes_views_gets_images():
    images = data.from_arrays(IMAGES)
    for shown, labels in data.joint_pipeline(images, LABELS, None, BATCH_SIZE, 6):
        assert shown.dtype == tf.uint8
        np.testing.assert_array_equal(labels, LABELS[shown[:, 0, 0, 0]])


@pytest.fixture
def photos(tmp_path):
    for number in range(12):
        size = (20 + number, 24, 3)
        Image.fromarray(np.full(size, 20 * number, np.uint8)).save(
            tmp_path / f"{number:02}.png"
        )
    return data.load(f"folder:{tmp_path}")


def test_files_of_different_sizes_get_views(photos):
    labels = np.array([0, 1] + 10 * [-1])
    made = data.joint_pipeline(photos, labels, augment.TwoViews("digits"), 6, 2)
    for (view_a, view_b), given in made:
        assert view_a.shape == view_b.shape == (6, 16, 16, 3)
        assert np.all(given[:2] >= 0)
        assert np.isfinite(view_a).all() and np.isfinite(view_b).all()


@pytest.mark.parametrize(
    ("labels", "rows", "message"),
    [
        (LABELS[:-1], 6, r"50 integers.*shape \(49,\)"),
        (LABELS.astype("float32"), 6, "50 integers.*float32"),
        (np.full(COUNT, -1), 6, "no image has a label"),
        (LABELS, 0, r"labelled_rows=0 must be in 1\.\.15"),
        (LABELS, 16, r"labelled_rows=16 must be in 1\.\.15"),
    ],
)
def test_what_makes_no_batch_is_refused(labels, rows, message):
    with pytest.raises(InputError, match=message):
        batches(labels, rows)


def test_images_that_are_read_in_order_are_refused(monkeypatch):
    images = tf.data.Dataset.from_tensor_slices(IMAGES)
    monkeypatch.setattr(memory, "budget", lambda: 1)
    with pytest.raises(InputError, match="only be read in order"):
        data.joint_pipeline(images, LABELS, Keys(), BATCH_SIZE, LABELLED)


def test_images_of_different_sizes_without_views_are_refused(photos):
    labels = np.array([0, 1] + 10 * [-1])
    with pytest.raises(ValueError, match="different sizes make no batch"):
        data.joint_pipeline(photos, labels, None, 6, 2)
