"""How alike two pictures are: laws that hold for any picture."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from planted import picture

from keras_twins.collection import alike, measures


def _alike(*images):
    """The similarity of two pictures, and the share of the area."""
    looks = np.stack([measures.small(image) for image in images])
    sizes = np.array([image.size for image in images])
    (found,), (share,) = alike.similarities(looks, sizes, [(0, 1)])
    return float(found), float(share)


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_is_like_itself_and_like_nothing_else(seed):
    assert _alike(picture(seed), picture(seed)) == (pytest.approx(1.0), 1.0)
    assert _alike(picture(seed), picture(seed + 100))[0] == 0.0
    assert _alike(picture(seed), ImageOps.mirror(picture(seed)))[0] < 0.5


def test_the_order_of_a_pair_does_not_count():
    whole, part = picture(1), picture(1).crop((10, 5, 87, 69))
    assert _alike(whole, part) == pytest.approx(_alike(part, whole))


@pytest.mark.parametrize(
    "box", [(0, 0, 77, 64), (19, 16, 96, 80), (7, 3, 84, 67), (0, 0, 72, 80)]
)
def test_a_part_is_found_wherever_it_was_cut_out(box):
    whole = picture(2)
    part = whole.crop(box)
    found, share = _alike(whole, part)
    assert found > 0.85
    assert share == pytest.approx(part.width * part.height / (96 * 80), abs=0.08)


def test_brightness_counts_where_there_is_nothing_else():
    black, grey, white = (Image.new("RGB", (64, 64), (v,) * 3) for v in (0, 90, 255))
    assert _alike(black, black)[0] == pytest.approx(1.0)
    assert max(_alike(black, white)[0], _alike(black, grey)[0]) < 0.1
    assert _alike(grey, white)[0] < 0.7


def test_another_colour_is_another_picture():
    pixels = np.asarray(picture(3))
    other = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    assert _alike(picture(3), other)[0] < 0.7


def test_a_like_scene_with_other_details_is_another_picture():
    sky = np.linspace(40, 200, 80)[:, np.newaxis, np.newaxis]
    scenes = []
    for seed in (0, 1):
        things = np.asarray(picture(seed), float) - 128
        scenes.append(Image.fromarray(np.uint8(np.clip(sky + 0.15 * things, 0, 255))))
    assert _alike(*scenes)[0] < 0.5
    assert _alike(scenes[0], scenes[0].resize((60, 50)))[0] > 0.9


def test_pairs_are_compared_alike_in_any_company():
    images = [picture(seed) for seed in range(6)]
    images += [image.resize((48, 40)) for image in images]
    looks = np.stack([measures.small(image) for image in images])
    sizes = np.array([image.size for image in images])
    pairs = [(a, b) for b in range(12) for a in range(b)]
    together, _ = alike.similarities(looks, sizes, pairs)
    alone = [alike.similarities(looks, sizes, [pair])[0][0] for pair in pairs]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert {pair for pair, s in zip(pairs, together, strict=True) if s > 0.9} == {
        (seed, seed + 6) for seed in range(6)
    }
    assert alike.similarities(looks, sizes, [])[0].shape == (0,)
