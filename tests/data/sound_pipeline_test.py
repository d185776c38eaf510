"""Batches of views of recordings: the laws of those of images hold, and a few more."""

import numpy as np
import pytest
import recordings
import tensorflow as tf
from recordings import RATE

from keras_twins import data
from keras_twins.augment import LogMel, TwoSoundViews, TwoViews
from keras_twins.augment.sounds import preset
from keras_twins.data.log_mels import whole_batches
from keras_twins.data.order import make_order

FRONT = LogMel(RATE, 512, 80, 16, 60.0, 3900.0)
COUNT = 12


@pytest.fixture(scope="module")
def log_mels(tmp_path_factory):
    name = recordings.folder(tmp_path_factory.mktemp("recordings"), COUNT)
    return data.log_mels(data.load(name, rate=RATE), FRONT)


@pytest.fixture(scope="module")
def views():
    return TwoSoundViews(preset("audio_barlow_twins"), seed=1)


def batches(log_mels, views, count=4, **options):
    options = {"batch_size": 4, "seed": 3, "start": (0, 0), **options}
    found = data.two_view_pipeline(log_mels, views, **options).take(count)
    return [[view.numpy() for view in batch] for batch in found]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for batch, other in zip(found, expected, strict=True):
        for view, same in zip(batch, other, strict=True):
            np.testing.assert_array_equal(view, same)


@pytest.fixture(scope="module")
def cached(log_mels, views):
    """Two epochs of three batches."""
    return batches(log_mels, views, 6, cache=True)


def test_log_mels_in_memory_and_files_give_the_same_views(log_mels, views, cached):
    assert [view.shape for view in cached[0]] == [(4, 16, 96, 1)] * 2
    assert_same(batches(log_mels, views, 6, cache=False), cached)


def test_a_run_goes_on_where_it_was_and_workers_share_its_batches(
    log_mels, views, cached
):
    assert_same(batches(log_mels, views, 2, start=(1, 1)), cached[4:])
    share = batches(log_mels, views, 3, shard=(1, 2))
    assert_same(share, [[view[1::2] for view in batch] for batch in cached[:3]])


def test_views_are_those_of_the_whole_call_with_the_partners_of_the_key(
    log_mels, views, cached
):
    whole = [log_mel.numpy() for log_mel in log_mels]
    order = make_order(log_mels.source, 4, 3, (0, 0), True, None)
    keys, indices = next(iter(order.batches()))
    for row, (key, index) in enumerate(zip(keys, indices, strict=True)):
        places = [int(p[0]) for p in views.partner_of(key[None], COUNT)]
        assert int(index) not in places
        crops = [views.crop(whole[int(index)], key)]
        crops += [views.partner_crop(whole[p], key, v) for v, p in enumerate(places)]
        view_a, view_b = views.finish(*(crop[None] for crop in crops), key[None])
        np.testing.assert_allclose(cached[0][0][row], view_a[0], atol=1e-4)
        np.testing.assert_allclose(cached[0][1][row], view_b[0], atol=1e-4)


def test_a_user_s_own_log_mels_of_one_size_are_held_in_memory(views):
    arrays = np.random.default_rng(0).normal(-5, 3, (8, 16, 100, 1)).astype("float32")
    own = tf.data.Dataset.from_tensor_slices(arrays)
    ((view_a, view_b),) = batches(own, views, 1)
    assert view_a.shape == view_b.shape == (4, 16, 96, 1)
    with pytest.raises(ValueError, match="must be at hand.*cache=False"):
        batches(own, views, 1, cache=False)


def test_another_modality_is_refused(log_mels, views):
    with pytest.raises(ValueError, match="Expected a kt.augment.TwoSoundViews"):
        batches(log_mels, TwoViews("digits"))
    waveforms = data.load(log_mels.source.name, rate=RATE)
    with pytest.raises(ValueError, match=r"Expected kt.data.log_mels\(recordings"):
        batches(waveforms, views)


def test_whole_log_mels_are_batched_with_those_of_their_length(log_mels):
    source = log_mels.source.by_length()
    expected = [log_mel.numpy() for log_mel in source.dataset()]
    found = list(whole_batches(source, 4, labels=True))
    assert max(len(batch) for batch, _ in found) > 1
    rows = [row for batch, _ in found for row in batch.numpy()]
    labels = np.concatenate([labels for _, labels in found])
    np.testing.assert_array_equal(labels, source.labels())
    for row, log_mel in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(row, log_mel)
