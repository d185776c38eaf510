import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_twins.augment import crops
from keras_twins.keys import image_states

COUNT = 4000


def boxes(height, width, scale, ratio, flip=0.5):
    view = {"crop_scale": scale, "crop_ratio": ratio, "flip": flip}
    states = image_states(0, 0, tf.range(COUNT, dtype=tf.int64))
    return [side.numpy() for side in crops.draw_boxes(states, view, height, width)]


def test_area_and_aspect_follow_their_definition():
    # Where every draw fits: on an image large enough for whole pixels not to matter.
    scale, ratio = (0.1, 0.5), (3 / 4, 4 / 3)
    _, _, height, width, _ = boxes(4000, 4000, scale, ratio)
    area = height * width / 4000**2
    aspect = np.log(width / height)
    low, high = np.log(ratio)
    assert stats.kstest(area, stats.uniform(0.1, 0.4).cdf).pvalue > 1e-3
    assert stats.kstest(aspect, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(area, aspect)[0, 1]) < 5 / np.sqrt(COUNT)


def test_rejected_tries_leave_the_same_distribution_as_a_loop():
    random = np.random.default_rng(0)

    def by_loop():
        while True:
            area = random.uniform(0.08, 1) * 3000 * 4000
            aspect = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
            size = np.round(np.sqrt([area / aspect, area * aspect]))
            if np.all(size <= [3000, 4000]):
                return size

    expected = np.array([by_loop() for _ in range(COUNT)])
    _, _, height, width, _ = boxes(3000, 4000, (0.08, 1.0), (3 / 4, 4 / 3))
    for actual, wanted in zip((height, width), expected.T, strict=True):
        assert stats.ks_2samp(actual, wanted).pvalue > 1e-3


def test_positions_are_uniform_where_the_box_is_free():
    top, left, height, width, _ = boxes(4000, 4000, (0.1, 0.5), (3 / 4, 4 / 3))
    for start, length in ((top, height), (left, width)):
        assert stats.kstest(start / (4000 - length), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("size", [(32, 32), (7, 50), (1, 1), (1, 200), (375, 500)])
def test_boxes_are_whole_pixels_inside_the_image(size):
    top, left, height, width, _ = boxes(*size, (0.08, 1.0), (3 / 4, 4 / 3))
    for start, length, extent in zip((top, left), (height, width), size, strict=True):
        assert np.all(start >= 0) and np.all(length >= 1)
        assert np.all(start + length <= extent)
        assert np.all(start == np.round(start)) and np.all(length == np.round(length))


def test_every_position_is_reached():
    top, left, _, _, _ = boxes(4, 4, (0.25, 0.25), (1.0, 1.0))
    assert set(zip(top, left, strict=True)) == {
        (y, x) for y in range(3) for x in range(3)
    }


@pytest.mark.parametrize(
    ("size", "expected"),
    [((10, 100), (0, 43, 10, 13)), ((100, 10), (43, 0, 13, 10))],
)
def test_a_thin_image_falls_back_to_the_largest_centred_box(size, expected):
    drawn = boxes(*size, (0.9, 1.0), (3 / 4, 4 / 3))[:4]
    for values, value in zip(drawn, expected, strict=True):
        assert np.all(values == value)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_rate_of_flips(rate):
    flips = boxes(32, 32, (0.08, 1.0), (3 / 4, 4 / 3), flip=rate)[4]
    assert abs(flips.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / COUNT)


def test_window_holds_both_boxes_and_no_more():
    a = [tf.constant([value]) for value in (10.0, 40.0, 20.0, 5.0)]
    b = [tf.constant([value]) for value in (25.0, 3.0, 30.0, 9.0)]
    window = crops.window_around([a, b])
    np.testing.assert_array_equal(window, [10, 3, 45, 42])
    corners = [[float(v[0]) for v in box[:2]] for box in crops.within(window, [a, b])]
    assert corners == [[0.0, 37.0], [15.0, 0.0]]
