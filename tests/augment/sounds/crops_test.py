import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import keys
from keras_twins.augment import sounds
from keras_twins.augment.sounds import crops

GOLDEN = pathlib.Path(__file__).parent / "golden" / "crops.npz"
SPEC = sounds.preset("audio_barlow_twins")
STATES = keys.image_states(0, 0, tf.range(40_000, dtype=tf.int64))


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


def test_resizes_as_pytorch_does(golden):
    sound = golden["sound"]
    for name in golden.keys() - {"sound"}:
        height, width = map(int, name.split("_")[1:])
        boxes = [tf.constant([side]) for side in (0, height, 0, width)]
        resized = crops.resized_crops(sound[None, ..., None], boxes)
        np.testing.assert_allclose(resized[0, ..., 0], golden[name], atol=1e-5)


@pytest.mark.parametrize(
    "box", [(0, 64, -24, 144), (3, 40, 60, 57), (10, 38, -24, 60), (63, 1, 95, 1)]
)
def test_a_crop_sees_the_canvas_around_the_sound(golden, box):
    top, height, left, width = box
    sound = golden["sound"]
    canvas = np.pad(sound, ((0, 0), (24, 24)))
    cut = canvas[top : top + height, left + 24 : left + 24 + width]
    expected = _matrix(64, height) @ cut @ _matrix(96, width).T
    boxes = [tf.constant([side]) for side in box]
    resized = crops.resized_crops(sound[None, ..., None], boxes)
    np.testing.assert_allclose(resized[0, ..., 0], expected, atol=1e-4)


def _matrix(size, length):
    """The weights that make `size` places of `length`, place by place."""
    matrix = np.zeros((size, length))
    for place in range(size):
        at = place * (length - 1) / (size - 1)
        for tap in range(int(at) - 1, int(at) + 3):
            x = abs(at - tap)
            weight = (
                1.25 * x**3 - 2.25 * x**2 + 1
                if x < 1
                else -0.75 * (x**3 - 5 * x**2 + 8 * x - 4) * (x < 2)
            )
            matrix[place, min(max(tap, 0), length - 1)] += weight
    return matrix


def test_sizes_and_places_are_those_of_the_paper():
    top, height, left, width = (x.numpy() for x in crops.draw_boxes(STATES, SPEC, 64))
    # 5 of 9 heights are cut to the canvas; widths reach all of it but for 1 in 86.
    assert np.mean(height == 64) == pytest.approx(5 / 9, abs=0.01)
    assert (height.min(), height.max()) == (38, 64)
    assert (width.min(), width.max()) == (57, 143)
    assert width.mean() == pytest.approx(1.05 * 96 - 0.5, abs=0.5)
    free = height[height < 64]
    assert np.histogram(free, bins=[38, 45, 52, 58, 64])[0] == pytest.approx(
        len(free) * np.array([7, 7, 6, 6]) / 26, rel=0.1
    )
    assert top.min() == 0 and np.all(top + height <= 64)
    assert np.all(left >= -24) and np.all(left + width <= 120)
    # Both ends of the canvas, as often as each other.
    assert np.mean(left == -24) == pytest.approx(np.mean(left + width == 120), abs=3e-3)
    assert np.mean(left == -24) > 0.01
    assert abs(np.corrcoef(height[height < 64], width[height < 64])[0, 1]) < 0.03


def test_the_fader_is_a_line_between_two_numbers():
    silence = tf.zeros((40_000, 2, 5, 1))
    faded = crops.fade(silence, STATES, 0.5).numpy()[..., 0]
    np.testing.assert_array_equal(faded[:, 0], faded[:, 1])
    steps = np.diff(faded[:, 0], axis=1)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(4, 1), atol=1e-6)
    for end in (faded[:, 0, 0], faded[:, 0, -1]):
        assert -0.5 <= end.min() < -0.49 and 0.49 < end.max() <= 0.5
        assert np.mean(end) == pytest.approx(0.0, abs=0.01)
    assert abs(np.corrcoef(faded[:, 0, 0], faded[:, 0, -1])[0, 1]) < 0.03
