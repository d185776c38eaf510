"""Views are drawn as a training makes them."""

import numpy as np
import pytest
import recordings
from PIL import Image

from keras_twins import data, spectrograms
from keras_twins.commands import views as command
from keras_twins.configs import spoken_digits
from keras_twins.runs import drawn_views, parts
from keras_twins.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = spoken_digits.get_config("test")
    config.dataset = recordings.folder(tmp_path_factory.mktemp("drawn"))
    run = Run(config)
    run.decide_statistics(5)
    return run


def test_recordings_are_drawn_with_the_views_of_the_first_epoch(run):
    drawn = drawn_views.of_run(run, 16)
    assert len(drawn) == 12 and {len(one) for one in drawn} == {4}
    images, layer = run.train_source.dataset(), parts.views(run.config)
    pairs = data.two_view_pipeline(images, layer, 12, start=(0, 0)).take(1)
    (made,) = pairs.as_numpy_iterator()
    mean, std = run.config.views.mean, run.config.views.std
    for name, views in zip(("view a", "view b"), made, strict=True):
        place = drawn_views.names(run.config).index(name)
        found = np.stack([one[place] for one in drawn]).astype(int)
        expected = np.stack([spectrograms.thumbnail(std * v + mean, 96) for v in views])
        # The pipeline shuffles them, and rounds otherwise.
        apart = np.abs(found[:, None] - expected[None]).max(axis=(2, 3, 4))
        assert (apart.min(axis=1) <= 3).all()
        assert sorted(apart.argmin(axis=1)) == list(range(12))
    for one, log_mel in zip(drawn, images, strict=True):
        whole = np.asarray(spectrograms.thumbnail(log_mel, 96))
        np.testing.assert_array_equal(one[0], whole)


def test_the_statistics_of_some_are_enough_to_look(run):
    images = list(run.train_source.dataset().as_numpy_iterator())
    some = np.concatenate([image.ravel() for image in images[::3]])
    assert run.config.views.mean == pytest.approx(some.mean(), abs=1e-4)


def test_the_picture_names_what_it_shows(run, tmp_path):
    command.draw(run, tmp_path / "views.png")
    picture = np.asarray(Image.open(tmp_path / "views.png"))
    tile, gap, line = command._TILE, command._GAP, command._LINE
    shown = picture[line : line + tile, gap : gap + tile]
    np.testing.assert_array_equal(shown, drawn_views.of_run(run, 1)[0][0])
    (caption,) = command.describe(run.config.views)
    assert caption.startswith("both views: ") and "mixup 0.2" in caption
