import json
import sys

import keras
import numpy as np
import pytest

from keras_twins.augment import LogMel
from keras_twins.errors import InputError
from keras_twins.export import (
    ExportError,
    export_litert,
    export_onnx,
    export_sound_litert,
    export_sound_onnx,
)
from keras_twins.export import runtimes as runtimes_module

SIZE, WIDTH = 8, 4


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(WIDTH, 3)(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def _expected(encoder, pixels):
    embeddings = encoder.predict(pixels, verbose=0)
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def _run_onnx(version, **inputs):
    import onnxruntime

    path = str(version / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], inputs)[0]


def _run_litert(version, **inputs):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(version / "model.tflite"))
    runner = interpreter.get_signature_runner("serving_default")
    return runner(**inputs)["embedding"]


_RUNTIMES = {
    "onnx": (["tf2onnx", "onnxruntime"], export_onnx, _run_onnx),
    "litert": (["ai_edge_litert"], export_litert, _run_litert),
}


@pytest.mark.parametrize("name", _RUNTIMES)
def test_the_runtime_answers_as_the_encoder_does(encoder, tmp_path, name):
    packages, export, run = _RUNTIMES[name]
    for package in packages:
        pytest.importorskip(package)
    version = export(encoder, tmp_path / "m", SIZE, metadata={"a": 1})
    assert version == tmp_path / "m" / "1"
    shape = (5, SIZE, SIZE, 3)
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    np.testing.assert_allclose(
        run(version, pixels=pixels), _expected(encoder, pixels), atol=1e-5
    )
    facts = json.loads((version / "keras_twins.json").read_text())
    assert facts["format"] == name and facts["metadata"] == {"a": 1}


@pytest.mark.parametrize("name", _RUNTIMES)
def test_the_runtime_answers_to_log_mels_of_any_length(tmp_path, name):
    packages, _, run = _RUNTIMES[name]
    for package in packages:
        pytest.importorskip(package)
    inputs = keras.Input((64, None, 1))
    x = keras.layers.Conv2D(WIDTH, 3, strides=2, padding="same")(inputs)
    encoder = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(x))
    export = {"onnx": export_sound_onnx, "litert": export_sound_litert}[name]
    version = export(encoder, tmp_path / "m", LogMel())
    for shape in ((3, 64, 96, 1), (1, 64, 207, 1)):
        log_mels = np.random.default_rng(0).normal(-5, 4, shape).astype(np.float32)
        np.testing.assert_allclose(
            run(version, log_mels=log_mels), _expected(encoder, log_mels), atol=1e-5
        )
    facts = json.loads((version / "keras_twins.json").read_text())
    assert facts["input_name"] == "log_mels" and facts["log_mel"]["rate"] == 16_000


@pytest.mark.parametrize("name", _RUNTIMES)
def test_missing_packages_are_named(encoder, tmp_path, monkeypatch, name):
    packages, export, _ = _RUNTIMES[name]
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(InputError, match=rf"keras-twins\[{name}\]"):
        export(encoder, tmp_path, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_answers_otherwise_is_not_published(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        runtimes_module, "_onnx", lambda *args: np.zeros((3, WIDTH), np.float32)
    )
    with pytest.raises(ExportError, match="onnx differs from the encoder"):
        export_onnx(encoder, tmp_path, SIZE)
    assert list(tmp_path.iterdir()) == []
