"""A run on more than two views, from its configuration to its page."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_twins.commands import views as views_command
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.report import looks, page
from keras_twins.runs import adjustable, further_views, parts, records
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir, as_data, flatten
from keras_twins.training import train

FROSSL = {"name": "frossl", "invariance_weight": 1.4}


def make_config(**changes):
    config = digits.get_config()
    config.encoder.widths, config.encoder.depths = (4,), (1,)
    config.projector = (8, 8)
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    config.loss = dict(FROSSL)
    further = {"count": 3, "image_size": 8, "crop_scale": (0.2, 0.4)}
    config.views.further_views.update(further)
    config.update_from_flattened_dict(changes)
    return config


def test_a_run_trains_is_evaluated_and_shown(tmp_path, capsys):
    run = Run(make_config(), Workdir(tmp_path / "run"))
    model = train(run, verbose=0)
    assert "images in 2 views of 16 pixels and 3 of 8 on" in capsys.readouterr().out
    assert model.encoder.input_shape == (None, None, None, 3)
    (line,) = run.workdir.read_metrics()
    assert np.isfinite([line["loss"], line["invariance"], line["knn"]]).all()
    encoder = keras.models.load_model(run.workdir.encoder)
    assert encoder(np.zeros((2, 16, 16, 3))).shape == (2, 4)
    read = Run.read(run.workdir)
    record = records.read(read)
    # V (V − 1) D / N with five views, eight features and 128 images.
    unrelated = record.levels.terms["invariance"].unrelated
    assert unrelated == pytest.approx(20 * 8 / 128)
    shown = looks.views(read)
    names = [name for name, _ in shown[0]]
    assert names == ["original", "view a", "view b", "view 3", "view 4", "view 5"]
    html = page.render([page.Run(record, looks="none", views=shown)])
    assert html.count('alt="view 5"') == 6


def test_a_run_without_further_views_is_one_of_two_views(capsys):
    config = digits.get_config()
    assert further_views.count(config) == 2
    assert further_views.describe(config) == "pairs of 16 pixels"
    assert parts.encoder(config).input_shape == (None, 16, 16, 3)
    assert "further_views" not in parts.views(config).spec
    config.views.further_views.count = 0
    assert "further_views" not in parts.views(config).spec
    # A run of an earlier version, whose configuration has no such key, goes on.
    now = flatten(as_data(digits.get_config()))
    then = {key: value for key, value in now.items() if "further_views" not in key}
    assert not adjustable.differences(then, now)
    del config.views.further_views
    assert further_views.count(config) == 2


def test_further_views_of_the_same_size_leave_the_encoder_its_own():
    config = make_config(**{"views.further_views.image_size": None})
    assert (
        further_views.describe(config) == "images in 2 views of 16 pixels and 3 of 16"
    )
    assert parts.encoder(config).input_shape == (None, 16, 16, 3)
    assert parts.views(config).spec["further_views"]["image_size"] == 16


def test_the_model_makes_further_views(tmp_path):
    config = make_config(views_on_device=True, batch_size=128)
    run = Run(config, Workdir(tmp_path / "run"))
    model = train(run, verbose=0)
    assert len(model.views(np.zeros((1, 8, 8, 3), np.uint8))) == 5
    assert np.isfinite(run.workdir.read_metrics()[0]["loss"])


def test_what_does_not_fit_is_one_line_and_claims_nothing(tmp_path):
    saved = tmp_path / "fixed.keras"
    keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.GlobalAveragePooling2D()]
    ).save(saved)
    for changes, message in (
        (
            {"loss.name": "keras_twins.losses:BarlowTwinsLoss"},
            r"further_views.count=3: --config.loss.name=keras_twins.losses:Barlow"
            r"TwinsLoss compares 2 views; give a loss of any number",
        ),
        (
            {"encoder.name": str(saved)},
            r"fixed.keras takes images of \(16, 16, 3\), and the views have several",
        ),
        ({"views.further_views.count": -1}, "count=-1: expected a whole number"),
        ({"views.further_views.image_size": 0}, "image_size=0: expected a whole"),
        ({"views.further_views.crop_scale": (0.5, 2.0)}, "further_views.crop_scale"),
    ):
        config = make_config()
        if "loss.name" in changes:
            config.loss = {}
            config.loss.name = ""
        config.update_from_flattened_dict(changes)
        with pytest.raises(InputError, match=message) as error:
            train(Run(config, Workdir(tmp_path / "run")), verbose=0)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run" / "config.json").exists()


def test_the_picture_shows_every_view(tmp_path):
    config = make_config()
    run = Run(config)
    views_command.draw(run, tmp_path / "views.png")
    picture = np.asarray(Image.open(tmp_path / "views.png")).astype(int)
    tile, gap, line = views_command._TILE, views_command._GAP, views_command._LINE
    block = 6 * (tile + gap) + gap
    assert picture.shape[1] == 2 * block + gap
    second = list(run.train_source.dataset().take(2))[1]
    last = parts.views(config)(second[None], keys=[1])[4]
    pixels = 255 * (last[0] * config.views.std + config.views.mean)
    corner = gap + block + 5 * (tile + gap)
    shown = picture[line : line + tile, corner : corner + tile]
    step = tile // 8
    found = shown[step // 2 :: step, step // 2 :: step]
    assert np.abs(found - np.clip(pixels, 0, 255)).max() <= 1
    caption = " ".join(views_command.describe(config.views))
    assert "further views, else as view a: count 3" in caption
    assert "crop_scale 0.2-0.4" in caption
