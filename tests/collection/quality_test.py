"""Checks of quality: planted pictures, and look-alikes that must not be flagged."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from planted import picture, save

from keras_twins.collection.measures import measure, measure_all
from keras_twins.collection.quality import judge


def _text():
    image = Image.new("RGB", (160, 120), "white")
    pen = ImageDraw.Draw(image)
    for y in range(4, 110, 14):
        pen.text((6, y), "the quick brown fox jumps", "black")
    return image


def _noise():
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (80, 96, 3)).astype(np.uint8))


_PLANTED = {
    "black.png": (Image.new("RGB", (96, 80)), {"dark", "flat"}),
    "white.png": (Image.new("RGB", (96, 80), "white"), {"bright", "flat"}),
    "grey.png": (Image.new("L", (96, 80), 120), {"flat"}),
    "blurred.png": (
        picture(50, 12, 10).resize((96, 80), Image.Resampling.BICUBIC),
        {"blurred"},
    ),
    "noise.png": (_noise(), {"noise"}),
    "text.png": (_text(), {"screenshot or text"}),
    "tiny.png": (picture(51, 12, 10), {"size"}),
    "narrow.png": (picture(52, 240, 32), {"shape"}),
    # Look-alikes: dark, bright or smooth, but not without content.
    "night.png": (picture(53).point(lambda v: v // 3), set()),
    "snow.png": (picture(54).point(lambda v: 170 + v // 3), set()),
    "soft.png": (picture(55, 72, 60).resize((96, 80)), set()),
}


@pytest.fixture(scope="module")
def flagged(tmp_path_factory):
    """The checks that flag each planted file of a collection."""
    folder = tmp_path_factory.mktemp("quality")
    images = {f"{n:02d}.png": picture(n) for n in range(40)}
    images |= {name: image for name, (image, _) in _PLANTED.items()}
    pictures = measure_all(save(folder, images))
    found = {name: set() for name in images}
    for check in judge(pictures):
        for place in check.flagged:
            found[list(images)[place]].add(check.name)
            assert check.reasons(place)
    return found


@pytest.mark.parametrize("name", _PLANTED)
def test_flags_a_picture_for_what_it_is(flagged, name):
    assert flagged[name] - {"size"} == _PLANTED[name][1] - {"size"}
    assert ("size" in flagged[name]) == (name == "tiny.png")


def test_flags_no_ordinary_picture(flagged):
    assert not any(flagged[f"{n:02d}.png"] for n in range(40))


def test_a_check_that_flags_half_of_the_pictures_is_left_out(tmp_path):
    images = {f"{n}.png": Image.new("RGB", (40, 40)) for n in range(3)}
    images |= {f"p{n}.png": picture(n) for n in range(3)}
    checks = {c.name: c for c in judge(measure_all(save(tmp_path, images)))}
    assert checks["dark"].left_out and not len(checks["dark"].flagged)
    assert not checks["bright"].left_out


def test_collections_of_one_picture_and_of_none(tmp_path):
    (path,) = save(tmp_path, {"a.png": picture(0)})
    assert not any(len(check.flagged) for check in judge(measure_all([path])))
    assert judge(measure_all(["gone.png"])) == []


def test_a_file_that_is_not_a_picture_is_a_result(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    picture(0).save(tmp_path / "torn.png")
    torn = (tmp_path / "torn.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(torn[: len(torn) // 2])
    picture(0).save(tmp_path / "whole.png")
    names = ["text.png", "whole.png", "empty.jpg", "torn.png", "gone.png", "."]
    found = measure_all([tmp_path / name for name in names])
    assert found.rows.tolist() == [1] and sorted(found.unreadable) == [0, 2, 3, 5]
    assert found.unreadable[0] == "is not an image"
    assert found.missing == [4]
    assert all("\n" not in reason for reason in found.unreadable.values())


def test_the_digest_is_of_the_pixels_and_their_shape(tmp_path):
    stripes = np.arange(32 * 64 * 3).astype(np.uint8)
    wide, tall = stripes.reshape(32, 64, 3), stripes.reshape(64, 32, 3)
    images = {"wide.png": wide, "wide.bmp": wide, "tall.png": tall}
    images = {name: Image.fromarray(pixels) for name, pixels in images.items()}
    wide, same, tall = (measure(path) for path in save(tmp_path, images))
    assert wide.digest == same.digest != tall.digest
    assert (wide.width, wide.height, tall.width) == (64, 32, 32)


def test_a_turned_photograph_is_measured_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0, 96, 64).save(tmp_path / "turned.png", exif=exif)
    deep = np.uint16(np.arange(64 * 96).reshape(64, 96) * 10)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    turned, deep = measure(tmp_path / "turned.png"), measure(tmp_path / "deep.png")
    assert (turned.width, turned.height) == (64, 96)
    assert 0.9 < deep.brightest < 0.95 and deep.darkest < 0.05
