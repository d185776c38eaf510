import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment
from keras_twins.augment.sounds import preset

RANDOM = np.random.default_rng(3)
LOG_MELS = RANDOM.normal(-5, 4, (6, 64, 130, 1)).astype(np.float32)
PARTNERS = tuple(RANDOM.normal(-5, 4, (2, 6, 64, 150, 1)).astype(np.float32))
KEYS = np.array([5, -1, 2**40, 0, 7, 8], np.int64)
QUIET = {
    "mixup": 0.0,
    "crop_canvas": (1.0, 1.0),
    "crop_bands": (1.0, 1.0),
    "crop_frames": (1.0, 1.0),
    "fader": 0.0,
}


def spec(**changes):
    return preset("audio_barlow_twins") | {"mean": -5.0, "std": 4.0} | changes


def quiet(**changes):
    return spec(**QUIET) | changes


def assert_close(actual, expected, atol=1e-5):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.fixture(scope="module")
def views():
    return augment.TwoSoundViews(spec(), seed=1)


@pytest.fixture(scope="module")
def expected(views):
    return [view.numpy() for view in views(LOG_MELS, KEYS, partners=PARTNERS)]


def test_shape_type_and_scale(expected):
    for view in expected:
        assert view.shape == (6, 64, 96, 1) and view.dtype == np.float32
        assert abs(view.mean()) < 0.5 and 0.3 < view.std() < 1.5
    assert np.abs(expected[0] - expected[1]).max() > 0.1


def test_views_are_a_function_of_seed_and_key_alone(views, expected):
    order = np.array([4, 0, 2])
    partners = tuple(p[order] for p in PARTNERS)
    shuffled = views(LOG_MELS[order], KEYS[order], partners=partners)
    assert_close(shuffled, [view[order] for view in expected])
    alone = views(LOG_MELS[3:4], KEYS[3:4], partners=tuple(p[3:4] for p in PARTNERS))
    assert_close(alone, [view[3:4] for view in expected])
    other = augment.TwoSoundViews(spec(), seed=2)
    other = other(LOG_MELS, KEYS, partners=PARTNERS)
    assert np.abs(other[0] - expected[0]).max() > 0.1


def test_graphs_and_xla_give_the_same(views, expected):
    def make(log_mels, keys, *partners):
        return views(log_mels, keys, partners=partners)

    for function in (tf.function(make), tf.function(make, jit_compile=True)):
        assert_close(function(LOG_MELS, KEYS, *PARTNERS), expected, atol=1e-4)


def test_one_at_a_time_and_finished_in_a_batch_is_the_same(views, expected):
    crops, partners = [], ([], [])
    for row, key in enumerate(KEYS):
        # As in a map over sounds of different lengths.
        crops.append(views.crop(LOG_MELS[row], key))
        for view in (0, 1):
            crop = views.partner_crop(PARTNERS[view][row], key, view)
            partners[view].append(crop)
    assert crops[0].shape == crop.shape == (64, 96, 1)
    finished = views.finish(*map(tf.stack, (crops, *partners)), KEYS)
    assert_close(finished, expected)


def test_waveforms_and_log_mels_of_a_cache_give_the_same_views(views):
    log_mel = augment.LogMel()
    waveforms = [RANDOM.normal(size=n) / 10 for n in (9_000, 30_000, 52_123)]
    cached = [log_mel(waveform).numpy() for waveform in waveforms]
    lengths = tf.data.Dataset.from_generator(
        lambda: waveforms, output_signature=tf.TensorSpec((None,), tf.float32)
    )
    crops = lengths.enumerate().map(lambda key, raw: views.crop(log_mel(raw), key))
    for key, (crop, of_cache) in enumerate(zip(crops, cached, strict=True)):
        np.testing.assert_allclose(crop, views.crop(of_cache, key), atol=1e-4)


def test_log_mels_that_a_graph_finds_too_short_are_named(views):
    spec = tf.TensorSpec((64, None, 1), tf.float32)
    graph = tf.function(views.crop, input_signature=[spec, tf.TensorSpec((), tf.int64)])
    assert graph(LOG_MELS[0], 1).shape == (64, 96, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="min_frames=96"):
        graph(LOG_MELS[0, :, :95], 1)


@pytest.mark.parametrize("frames", [96, 97, 130])
def test_both_views_are_one_crop_at_any_place(frames):
    layer = augment.TwoSoundViews(quiet(mean=0.0, std=1.0))
    # The value of a frame is its number.
    numbers = np.broadcast_to(np.arange(frames), (1000, 2, frames))[..., None]
    a, b = layer(numbers.astype(np.float32) / 10, np.arange(1000))
    np.testing.assert_array_equal(a, b)
    starts = np.rint(10 * a[:, 0, 0, 0]).astype(int)
    np.testing.assert_allclose(
        a[:, 1, :, 0], (starts[:, None] + np.arange(96)) / 10, atol=1e-4
    )
    counts = np.bincount(starts, minlength=frames - 95)
    assert len(counts) == frames - 95 and counts.min() > 0.3 * 1000 / len(counts)


def test_identity_when_every_strength_is_zero():
    layer = augment.TwoSoundViews(quiet())
    plain = (LOG_MELS[:, :, :96] + 5.0) / 4.0
    assert_close(layer(LOG_MELS[:, :, :96], KEYS), (plain, plain))
    whole = (LOG_MELS + 5.0) / 4.0
    assert_close(layer(LOG_MELS, training=False), (whole, whole))
    np.testing.assert_allclose(layer.prepare(LOG_MELS), whole, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"mixup": 0.5},
        {"crop_bands": (0.6, 0.9)},
        {"crop_frames": (0.6, 1.5), "crop_canvas": (1.0, 1.5)},
        {"fader": 1.0},
    ],
    ids=str,
)
def test_the_two_views_draw_each_change_independently(changes):
    layer = augment.TwoSoundViews(quiet(**changes))
    sound = np.repeat(LOG_MELS[:1, :, :96], 200, axis=0)
    partners = tuple(np.repeat(p[:1, :, :96], 200, axis=0) for p in PARTNERS)
    made = layer(sound, np.arange(200), partners=partners)
    plain = layer.prepare(sound)
    distances = [
        np.linalg.norm((view - plain).numpy().reshape(200, -1), axis=1) for view in made
    ]
    assert np.min(np.std(distances, axis=1)) > 0.01
    # Chance gives ±0.07, a shared draw 1.
    assert abs(np.corrcoef(distances)[0, 1]) < 0.3


def test_mixup_adds_powers_of_standardised_values():
    layer = augment.TwoSoundViews(quiet(mixup=0.2))
    x, z = np.float32(-5 + 4 * 0.5), np.float32(-5 + 4 * 2.0)
    sound, partner = (np.full((2000, 1, 96, 1), value) for value in (x, z))
    a, b = layer(sound, np.arange(2000), partners=(partner, partner))
    for view in (a[:, 0, 0, 0].numpy(), b[:, 0, 0, 0].numpy()):
        shares = (np.exp(view) - np.exp(0.5)) / (np.exp(2.0) - np.exp(0.5))
        assert -1e-4 < shares.min() and shares.max() < 0.2
        assert shares.mean() == pytest.approx(0.1, abs=0.005)
        assert np.std(shares) == pytest.approx(0.2 / np.sqrt(12), rel=0.05)


def test_partners_are_all_others_as_often_as_each_other(views):
    count = 7
    keys = np.arange(700 * count)
    for places in views.partner_of(keys, count):
        steps = (places.numpy() - keys) % count
        counts = np.bincount(steps, minlength=count)
        assert counts[0] == 0
        assert counts[1:] == pytest.approx(700 * count / 6, rel=0.15)
    a, b = views.partner_of(keys, count)
    assert np.mean(a.numpy() == b.numpy()) == pytest.approx(1 / 6, abs=0.03)
    # Alone in its collection, a sound is its own partner.
    assert views.partner_of(np.arange(3), 1)[0].numpy().tolist() == [0, 0, 0]
    large = views.partner_of(np.arange(5000), 2**31)[0].numpy()
    assert large.max() < 2**31 and len(np.unique(large)) == 5000


def test_without_partners_another_row_is_mixed_in():
    layer = augment.TwoSoundViews(quiet(mixup=0.5, mean=0.0, std=1.0))
    # Each row has a level of its own, far above those of rows before it.
    levels = np.arange(5.0)[:, None, None, None]
    rows = np.broadcast_to(levels, (5, 1, 96, 1)).astype(np.float32)
    for view in layer(rows, np.arange(5)):
        assert np.all(np.abs(view[:, 0, 0, 0] - np.arange(5)) > 1e-4)
    # A row by itself is mixed with itself.
    assert_close(layer(rows[:1], np.arange(1)), (rows[:1], rows[:1]))


def test_keys_of_steps_and_of_calls(views):
    same = np.repeat(LOG_MELS[:1], 4, axis=0)
    a, _ = views(same, keys=3)
    assert_close(views(same, keys=tf.constant(3, tf.int64)), views(same, keys=3))
    assert len(np.unique(a.numpy().reshape(4, -1)[:, :50], axis=0)) == 4
    first, second = (augment.TwoSoundViews(spec(), seed=4) for _ in range(2))
    calls = [first(LOG_MELS)[0].numpy() for _ in range(2)]
    assert np.abs(calls[0] - calls[1]).max() > 0.1
    assert_close([second(LOG_MELS)[0] for _ in range(2)], calls)
    with pytest.raises(ValueError, match=r"`keys`.*Expected.*Received"):
        views(LOG_MELS, KEYS[:2])


def test_mixed_precision_and_saving_change_nothing(expected):
    layer = augment.TwoSoundViews(spec(), seed=1, dtype="mixed_float16")
    actual = layer(LOG_MELS, KEYS, partners=PARTNERS)
    assert actual[0].dtype == tf.float32
    assert_close(actual, expected)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    assert_close(again(LOG_MELS, KEYS, partners=PARTNERS), expected)


def test_works_inside_a_model(views):
    inputs = keras.Input((64, 130, 1))
    model = keras.Model(inputs, views(inputs))
    assert [output.shape for output in model.outputs] == [(None, 64, 96, 1)] * 2
    a, _ = model(LOG_MELS, training=True)
    assert a.shape == (6, 64, 96, 1)


@pytest.mark.parametrize(
    ("log_mels", "message"),
    [
        (LOG_MELS[0], "shape"),
        (np.zeros((2, 64, 96, 3), np.float32), "shape"),
        (LOG_MELS[:, :, :95], "at least 96 frames"),
        (np.zeros((2, 64, 96, 1), np.uint8), "dtype"),
        (np.full((2, 64, 96, 1), 200.0, np.float32), "TwoViews"),
    ],
)
def test_what_is_no_log_mel_is_refused_in_three_parts(views, log_mels, message):
    with pytest.raises(ValueError, match=r"`log_mels`. Expected.*Received") as caught:
        views(log_mels)
    assert message in str(caught.value)
