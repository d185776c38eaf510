import numpy as np
import tensorflow as tf
from scipy import stats

from keras_twins.keys import ROWS_PER_STEP, image_states, row_keys, uniform

KEYS = tf.range(5000, dtype=tf.int64)


def numbers(seed=0, view=0, keys=KEYS, stream=0, count=1):
    states = image_states(seed, view, keys)
    return uniform(states, stream, count).numpy()


def split_mix(state):
    """SplitMix64's output function, written down from the paper."""
    mask = 2**64 - 1
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


def test_numbers_are_those_of_split_mix():
    gamma, mask, seed, view, key, stream = 0x9E3779B97F4A7C15, 2**64 - 1, 7, 1, 12345, 3
    mixed_stream = split_mix(split_mix((seed + gamma) & mask) ^ (view + 1))
    state = split_mix(split_mix((key + gamma) & mask) ^ mixed_stream)
    expected = split_mix((state + (stream + 1) * gamma) & mask) >> 40
    actual = numbers(seed, view, tf.constant([key], tf.int64), stream)
    assert actual[0, 0] == np.float32(expected * 2.0**-24)


def test_consecutive_keys_give_uniform_numbers():
    for stream in (0, 1, 17):
        assert stats.kstest(numbers(stream=stream)[:, 0], "uniform").pvalue > 1e-3


def test_consecutive_streams_of_one_key_are_uniform():
    values = numbers(keys=KEYS[:1], count=5000)[0]
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_streams_views_seeds_and_neighbours_are_uncorrelated():
    first = numbers()[:, 0]
    others = {
        "next stream": numbers(stream=1)[:, 0],
        "other view": numbers(view=1)[:, 0],
        "other seed": numbers(seed=1)[:, 0],
        "next key": numbers(keys=KEYS + 1)[:, 0],
        "next step": numbers(keys=KEYS + ROWS_PER_STEP)[:, 0],
    }
    for name, other in others.items():
        # Five standard deviations of the correlation of independent samples.
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(len(first)), name


def test_negative_and_large_keys_have_numbers_of_their_own():
    keys = tf.constant([-1, 0, 1, 2**62, -(2**63), 2**63 - 1], tf.int64)
    assert len(np.unique(numbers(keys=keys))) == 6


def test_graph_and_eager_agree_to_the_bit():
    graph = tf.function(lambda keys: uniform(image_states(3, 1, keys), 0, 40))
    np.testing.assert_array_equal(graph(KEYS), numbers(3, 1, count=40))


def test_rows_of_different_steps_never_share_a_key():
    steps = [row_keys(tf.constant(step, tf.int64), 1000) for step in range(3)]
    assert len(np.unique(np.concatenate(steps))) == 3000
