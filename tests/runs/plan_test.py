"""What is decided from a collection: sizes, batches, epochs."""

import numpy as np
import pytest
from PIL import Image

from keras_twins.configs import digits, photos
from keras_twins.data.arrays import ArraySource
from keras_twins.errors import InputError
from keras_twins.runs import plan
from keras_twins.runs.run import Run


def arrays(count=40, side=8):
    return ArraySource("arrays", np.zeros((count, side, side, 3), np.uint8))


@pytest.mark.parametrize(
    ("side", "size"),
    [(20, 64), (128, 64), (192, 96), (256, 128), (447, 128), (448, 224), (4000, 224)],
)
def test_views_are_half_a_photograph_wide(side, size):
    found = plan.image_size(photos.get_config(), arrays(1, side))
    assert found == {"views.image_size": size}
    assert plan.image_size(digits.get_config(), arrays(1, side)) == {}


@pytest.mark.parametrize(
    ("count", "batch_size", "epochs"),
    [
        (40, 32, 200),
        (500, 32, 200),
        (1600, 128, 200),
        (20_000, 256, 200),
        (100_000, 256, 40),
        (10_000_000, 256, 20),
    ],
)
def test_batch_and_epochs_follow_the_size(count, batch_size, epochs):
    source = arrays(1)
    source.num_images = count
    found = plan.decide(photos.get_config(), source, 1)
    assert (found["batch_size"], found["epochs"]) == (batch_size, epochs)
    assert found["optimizer.warmup_epochs"] == min(10.0, epochs / 10)


def test_a_small_collection_gets_a_batch_that_fits(capsys):
    config = digits.get_config()
    assert plan.decide(config, arrays(128), 1) == {}
    assert plan.decide(config, arrays(90), 1) == {"batch_size": 90}
    assert "90 images: batches of 90, instead of" in capsys.readouterr().out
    assert plan.decide(config, arrays(90), 4) == {"batch_size": 88}
    with pytest.raises(InputError, match="1 image for 1 replica make no batch"):
        plan.decide(config, arrays(1), 1)
    with pytest.raises(InputError, match="3 images for 4 replicas make no batch"):
        plan.decide(config, arrays(3), 4)


def test_sides_are_those_of_the_files_as_they_are_shown(tmp_path):
    for index in range(5):
        Image.new("RGB", (900, 450)).save(tmp_path / f"{index}.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "0.png").read_bytes()[:10])
    config = photos.get_config()
    config.dataset = f"folder:{tmp_path}"
    run = Run(config)
    run.decide_image_size()
    assert run.config.views.image_size == run.config.evaluation.image_size == 224
    assert config.views.image_size is None and run.plan == {"views.image_size": 224}


@pytest.mark.parametrize(
    ("side", "size", "said"),
    [
        (640, 32, True),
        (200, 64, True),
        (640, 224, False),
        (32, 32, False),
        (640, 128, True),
    ],
)
def test_photographs_at_a_few_pixels_are_said(side, size, said, capsys):
    config = digits.get_config()
    config.views.image_size = size
    plan.say_if_views_are_small(config, arrays(1, side))
    text = capsys.readouterr().out
    assert bool(text) is said
    if said:
        assert f"images of {side} pixels, and views have {size}" in text
        assert "--config=configs/photos.py" in text


@pytest.mark.parametrize("key", ["sizes", "data_service"])
def test_minutes_need_steps_that_can_be_measured(key):
    config = digits.get_config()
    assert not plan.is_open_ended(config)
    config.minutes = 3.0
    assert plan.is_open_ended(config)
    config[key] = {"sizes": ((8, 2),), "data_service": "grpc://host:1"}[key]
    with pytest.raises(InputError, match=f"--config.{key}=.* needs --config.epochs"):
        plan.is_open_ended(config)
