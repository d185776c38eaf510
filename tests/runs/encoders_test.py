"""Encoders by name: of Keras, of KerasHub, of a file, of a function."""

import sys

import keras
import numpy as np
import pytest

from keras_twins import models
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import encoders, parts

SIZE = 32
MODULE = """
import keras

def preprocess_input(x):
    return x[..., ::-1] / 127.5 - 1.0

def small(input_shape, filters=4):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Conv2D(filters, 3, name="conv")(inputs))

def number(input_shape):
    return 3
"""


def configured(name, **changed):
    config = digits.get_config()
    config.encoder.name = name
    config.views.image_size = config.evaluation.image_size = SIZE
    config.update_from_flattened_dict({f"encoder.{k}": v for k, v in changed.items()})
    return config


def made(config):
    keras.utils.set_random_seed(0)
    return encoders.make(config, (SIZE, SIZE, 3))


def of_pixels(config, encoder):
    return parts.saved_encoder(config, encoder)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (2, SIZE, SIZE, 3)).astype("float32")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_encoders.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("my_encoders", None)


def test_one_of_keras_computes_what_it_does_by_itself(pixels, tmp_path):
    alone = keras.applications.MobileNetV3Small(
        input_shape=(SIZE, SIZE, 3), include_top=False, weights=None
    )
    alone.save_weights(tmp_path / "mobile.weights.h5")
    name = "keras.applications:MobileNetV3Small"
    config = configured(name, weights=str(tmp_path / "mobile.weights.h5"), frozen=2)
    encoder = made(config)
    expected = np.mean(alone(pixels), (1, 2))  # It scales pixels itself.
    least = 1e-3 * np.abs(expected).max()  # Untrained, it gives tiny numbers.
    found = of_pixels(config, encoder)(pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=least)
    assert encoder.output_shape == (None, 576)
    # Other weights, where none are asked for.
    config.encoder.weights = "none"
    assert np.abs(of_pixels(config, made(config))(pixels) - expected).max() > 10 * least


def test_a_function_with_a_preprocessing_beside_it(here, pixels):
    config = configured("my_encoders:small")
    encoder = made(config)
    (conv,) = [w for w in encoder.weights if w.path.endswith("kernel")]
    taken = pixels[..., ::-1] / 127.5 - 1.0
    expected = keras.ops.mean(keras.ops.conv(taken, conv, padding="valid"), (1, 2))
    found = of_pixels(config, encoder)(pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    config.encoder = {"name": "my_encoders:small", "filters": 7}
    assert made(config).output_shape == (None, 7)


def test_the_encoder_of_a_run_as_a_file(pixels, tmp_path):
    body = models.residual_encoder((SIZE, SIZE, 3), "small", (4, 8), (1, 1))
    body.get_layer("stem_conv").trainable = False
    saved = models.with_normalisation(body, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    saved.save(tmp_path / "encoder.keras")
    config = configured(str(tmp_path / "encoder.keras"))
    encoder = made(config)
    np.testing.assert_allclose(
        of_pixels(config, encoder)(pixels), saved(pixels), rtol=1e-3, atol=1e-5
    )
    assert len(encoder.trainable_weights) > len(saved.trainable_weights)
    config.encoder.weights = "none"
    assert np.abs(of_pixels(config, made(config))(pixels) - saved(pixels)).max() > 1e-4


def test_a_preset_of_keras_hub_with_its_converter(pixels, tmp_path):
    hub = pytest.importorskip("keras_hub")
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    converter = hub.layers.ImageConverter(
        scale=[0.02, 0.01, 0.03], offset=[-1.0, -2.0, -3.0]
    )
    backbone.save_to_preset(str(tmp_path))
    converter.save_to_preset(str(tmp_path))
    config = configured(f"keras_hub:{tmp_path}")
    expected = np.mean(backbone(converter(pixels)), (1, 2))
    found = of_pixels(config, made(config))(pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="the preset cannot be loaded"):
        made(configured(f"keras_hub:{tmp_path}/none"))


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch):
    # As on a machine without a network: nothing answers there.
    from keras.src.applications import mobilenet_v3

    monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", "http://127.0.0.1:9/")
    monkeypatch.setenv("KERAS_HOME", "/nowhere")
    config = configured("keras.applications:MobileNetV3Small", weights="imagenet")
    with pytest.raises(
        InputError, match="weights=imagenet.*cannot be fetched"
    ) as raised:
        made(config)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("vgg", {}, r"encoder.name=vgg does not exist.*resnet18.*module:name"),
        ("keras.applications:VGG17", {}, r"has no VGG17"),
        ("my_encoders:number", {}, r"returns a keras.Model, and it returned a int"),
        ("none.keras", {}, r"encoder.name=none.keras: there is no such file"),
        ("torn.keras", {}, r"encoder.name=torn.keras: not a model that can be loaded"),
        ("other.keras", {}, r"takes images of \(16, 16, 3\): give .*image_size=16"),
        ("my_encoders:small", {"weights": "imagenet"}, r"small has no such weights"),
        ("resnet18", {"weights": "imagenet"}, r"resnet18 has no such weights"),
        ("my_encoders:small", {"weights": "w.h5"}, r"weights=w.h5: expected imagenet"),
        ("my_encoders:small", {"weights": "torn.weights.h5"}, r"does not fit"),
        ("my_encoders:small", {"frozen": ("stem",)}, r"encoder.frozen: .*conv.*'stem'"),
    ],
)
def test_what_cannot_be_used_is_one_line(here, name, changed, message):
    (here / "torn.keras").write_bytes(b"PK torn")
    (here / "torn.weights.h5").write_bytes(b"torn")
    models.residual_encoder((16, 16, 3), "small", (4,), (1,)).save("other.keras")
    config = configured(name, **changed)
    if name == "resnet18":
        config.encoder = {"name": name, **changed}
    with pytest.raises(InputError, match=message) as raised:
        made(config)
    assert "\n" not in str(raised.value) and str(raised.value).startswith("--config.")
