import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance
from scipy import stats

from keras_twins.augment import colour, exact_colour
from keras_twins.keys import image_states

IMAGE = np.random.default_rng(1).integers(0, 256, (24, 24, 3)).astype(np.uint8)
# Far from black and white, so that no order of steps leaves 0..255.
MILD = (100 + IMAGE / 6).astype(np.uint8)
ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}
METHODS = [colour.fused, exact_colour.exact]


def factors(**changes):
    values = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    values |= {"order": 0.0, "hue_place": 0.0} | changes
    greyscale = tf.constant([values.pop("greyscale", False)])
    return {name: tf.constant([value]) for name, value in values.items()} | {
        "greyscale": greyscale
    }


def apply(method, image, **changes):
    planes = tf.transpose(tf.cast(image[None], tf.float32), (0, 3, 1, 2))
    return np.transpose(method(planes, factors(**changes))[0], (1, 2, 0))


def drawn(count=4000, **view):
    settings = {"jitter": 0.8, "brightness": 0.4, "contrast": 0.4}
    settings |= {"saturation": 0.2, "hue": 0.1, "greyscale": 0.2} | view
    states = image_states(0, 0, tf.range(count, dtype=tf.int64))
    return {k: v.numpy() for k, v in colour.draw_factors(states, settings).items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ENHANCERS)
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4, 2.0])
def test_each_alone_equals_pillow_to_one_level(method, name, factor):
    expected = ENHANCERS[name](Image.fromarray(IMAGE)).enhance(factor)
    # Pillow cuts off what is behind the point.
    actual = np.floor(apply(method, IMAGE, **{name: factor}))
    assert np.abs(actual - np.asarray(expected, np.float32)).max() <= 1.0


@pytest.mark.parametrize("method", METHODS)
def test_greyscale_equals_pillow_to_one_level(method):
    expected = np.asarray(Image.fromarray(IMAGE).convert("L"), np.float32)
    actual = apply(method, IMAGE, greyscale=True)
    assert np.abs(actual - expected[:, :, None]).max() <= 0.51


@pytest.mark.parametrize("method", METHODS)
def test_no_change_is_the_identity(method):
    np.testing.assert_allclose(apply(method, IMAGE), IMAGE, atol=1e-3)


@pytest.mark.parametrize("turn", [-0.3, 0.1, 0.5])
def test_exact_hue_is_that_of_hsv(turn):
    def turned(pixel):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        return 255 * np.array(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value))

    expected = np.apply_along_axis(turned, 2, IMAGE.astype(np.float64))
    np.testing.assert_allclose(
        apply(exact_colour.exact, IMAGE, hue=turn), expected, atol=0.05
    )


def test_fused_hue_keeps_brightness_and_comes_back_after_a_turn():
    turned = apply(colour.fused, MILD, hue=0.1)
    np.testing.assert_allclose(turned @ colour.LUMA, MILD @ colour.LUMA, atol=0.01)
    np.testing.assert_allclose(apply(colour.fused, MILD, hue=1.0), MILD, atol=0.01)


def test_fused_equals_its_steps_one_after_another():
    changes = {"brightness": 1.3, "contrast": 0.7, "saturation": 1.2, "hue": 0.05}
    step_by_step = MILD
    for name, value in changes.items():
        step_by_step = apply(colour.fused, step_by_step, **{name: value})
    at_once = apply(colour.fused, MILD, **changes)
    np.testing.assert_allclose(at_once, step_by_step, atol=0.01)


def test_exact_order_runs_through_all_twenty_four():
    names = ("brightness", "contrast", "saturation")
    changes = dict(zip(names, (1.8, 1.6, 1.9), strict=True)) | {"hue": 0.2}
    expected = {
        order: np.float32(one_by_one(order, changes))
        for order in itertools.permutations(changes)
    }
    reached = set()
    for order, place in itertools.product(range(6), range(4)):
        where = {"order": (order + 0.5) / 6, "hue_place": (place + 0.5) / 4}
        actual = apply(exact_colour.exact, IMAGE, **changes, **where)
        distances = {o: np.abs(actual - e).max() for o, e in expected.items()}
        nearest = min(distances, key=distances.get)
        assert distances[nearest] < 0.05
        reached.add(nearest)
    assert len(reached) == 24


def one_by_one(order, changes):
    image = IMAGE
    for name in order:
        image = apply(exact_colour.exact, image, **{name: changes[name]})
    return image


def test_rates_of_jitter_and_greyscale():
    values = drawn()
    count = len(values["hue"])
    for hits, rate in ((values["hue"] != 0, 0.8), (values["greyscale"], 0.2)):
        assert abs(hits.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / count)


@pytest.mark.parametrize(
    ("name", "centre", "strength"),
    [
        ("brightness", 1, 0.4),
        ("contrast", 1, 0.4),
        ("saturation", 1, 0.2),
        ("hue", 0, 0.1),
    ],
)
def test_factors_are_uniform_in_their_range(name, centre, strength):
    values = drawn(jitter=1.0)[name]
    expected = stats.uniform(centre - strength, 2 * strength)
    assert stats.kstest(values, expected.cdf).pvalue > 1e-3


def test_factors_of_an_image_are_independent():
    values = drawn(jitter=1.0)
    names = ("brightness", "contrast", "saturation", "hue", "greyscale", "order")
    table = np.corrcoef([values[name] for name in names])
    assert np.abs(table - np.eye(len(names))).max() < 5 / np.sqrt(4000)
