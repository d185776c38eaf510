"""The picture of images and their views."""

import numpy as np
from PIL import Image

from keras_twins.commands import views
from keras_twins.configs import digits
from keras_twins.runs import parts
from keras_twins.runs.run import Run


def test_the_picture_shows_originals_and_views(tmp_path):
    config = digits.get_config()
    config.seed = 3
    run = Run(config)
    views.draw(run, tmp_path / "views.png")
    picture = np.asarray(Image.open(tmp_path / "views.png")).astype(int)
    originals = list(run.train_source.dataset().take(2))
    layer = parts.views(config, 16)
    tile, gap, line = views._TILE, views._GAP, views._LINE
    block = 3 * tile + 4 * gap
    for place, original in enumerate(originals):
        corner = gap + place * block
        shown = picture[line : line + tile, corner : corner + tile]
        step = tile // 8
        np.testing.assert_array_equal(
            shown[step // 2 :: step, step // 2 :: step], original
        )
        _, view_b = layer(original[None], keys=[place])
        pixels = 255 * (view_b[0] * config.views.std + config.views.mean)
        corner += 2 * (tile + gap)
        shown = picture[line : line + tile, corner : corner + tile]
        step = tile // 16
        found = shown[step // 2 :: step, step // 2 :: step]
        assert np.abs(found - np.clip(pixels, 0, 255)).max() <= 1


def test_images_of_twelve_bits_are_seen_as_a_training_sees_them(tmp_path, capsys):
    samples = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(samples).save(tmp_path / "scan.png")
    config = digits.get_config()
    config.dataset = f"folder:{tmp_path}"
    run = Run(config)
    (dark,) = run.train_source.dataset()
    run.decide_levels()
    (seen,) = run.train_source.dataset()
    assert int(np.max(dark)) == 15 and int(np.max(seen)) == 255
    assert run.levels == (4, 4091)
    assert "4 becomes black, 4091 white" in capsys.readouterr().out


def test_the_caption_tells_the_views_apart():
    same = views.describe(digits.get_config().views)
    assert same[0].startswith("both views: ")
    assert "crop_scale 0.4-1," in " ".join(same)
    config = digits.get_config()
    config.views.view_b.solarise = 0.2
    lines = " ".join(views.describe(config.views))
    assert "view a: " in lines
    assert "solarise 0.2" in lines.split("view b: ")[1]
