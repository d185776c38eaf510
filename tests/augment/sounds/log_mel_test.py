import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment
from keras_twins.augment.sounds.log_mel import EPSILON

GOLDEN = pathlib.Path(__file__).parent / "golden" / "log_mels.npz"
AT_8_KHZ = {"rate": 8000, "window": 512, "hop": 80, "high": 3900.0}
NOISE = np.random.default_rng(0).normal(size=(3, 16_000)).astype(np.float32) / 10
SILENCE = np.log(EPSILON)


@pytest.fixture(scope="module")
def log_mel():
    return augment.LogMel()


@pytest.mark.parametrize("settings", [{}, AT_8_KHZ], ids=["16 kHz", "8 kHz"])
@pytest.mark.parametrize("number", [0, 1])
def test_equals_librosa_on_recordings(settings, number):
    layer = augment.LogMel(**settings)
    with np.load(GOLDEN) as golden:
        samples = golden[f"samples_{number}_{layer.rate}"] / np.float32(32_768)
        expected = golden[f"log_mel_{number}_{layer.rate}"]
    log_mels = layer(samples[None])
    assert log_mels.dtype == tf.float32
    np.testing.assert_allclose(log_mels[0, :, :, 0], expected, atol=0.005)


def test_a_tone_is_in_its_band_and_low_bands_come_first(log_mel):
    times = np.arange(16_000) / 16_000
    tones = [np.sin(2 * np.pi * f * times) for f in (100, 440, 3000, 7700)]
    loudest = np.argmax(log_mel(np.stack(tones))[:, :, 50, 0], axis=1)
    assert loudest.tolist() == [0, 10, 42, 63]


@pytest.mark.parametrize("samples", [0, 1, 400, 15_199])
def test_what_is_too_short_gets_silence_behind_it(log_mel, samples):
    short = NOISE[:, :samples]
    padded = np.pad(short, ((0, 0), (0, log_mel.min_samples - samples)))
    log_mels = log_mel(short)
    assert log_mels.shape == (3, 64, 96, 1)
    np.testing.assert_array_equal(log_mels, log_mel(padded))
    if samples <= 400:
        np.testing.assert_allclose(log_mels[:, :, 10:], SILENCE, rtol=1e-6)


def test_each_waveform_is_as_if_it_were_alone(log_mel):
    # A loud neighbour changes nothing: no decibels below the loudest of the batch.
    waveforms = NOISE * [[1.0], [1e-4], [0.0]]
    together = log_mel(waveforms)
    for waveform, expected in zip(waveforms, together, strict=True):
        np.testing.assert_allclose(log_mel(waveform), expected, atol=1e-5)
    np.testing.assert_allclose(together[2], SILENCE, rtol=1e-6)


@pytest.mark.parametrize("samples", [15_200, 15_359, 15_360, 16_000, 40_001])
def test_the_number_of_frames(log_mel, samples):
    frames = 1 + samples // 160
    waveforms = np.zeros((2, samples), np.float32)
    assert log_mel(waveforms).shape == (2, 64, frames, 1)
    symbolic = log_mel(keras.KerasTensor((None, samples)))
    assert symbolic.shape == (None, 64, frames, 1)
    assert log_mel(keras.KerasTensor((None, None))).shape == (None, 64, None, 1)


def test_graphs_of_all_kinds_give_the_same(log_mel, tmp_path):
    expected = log_mel(NOISE)
    signature = [tf.TensorSpec((None, None), tf.float32)]
    graph = tf.function(log_mel.call, input_signature=signature)
    compiled = tf.function(log_mel.call, jit_compile=True)
    module = tf.Module()
    module.call = graph
    tf.saved_model.save(module, str(tmp_path))
    for function in (graph, compiled, tf.saved_model.load(str(tmp_path)).call):
        np.testing.assert_allclose(function(tf.constant(NOISE)), expected, atol=1e-4)
        empty = function(tf.zeros((0, 16_000)))
        assert empty.shape == (0, 64, 101, 1)


def test_converts_to_the_operations_of_litert(log_mel):
    function = tf.function(
        log_mel.call, input_signature=[tf.TensorSpec((1, 16_000), tf.float32)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], log_mel
    )
    assert converter.target_spec.supported_ops == {tf.lite.OpsSet.TFLITE_BUILTINS}
    assert converter.convert()[4:8] == b"TFL3"


def test_stays_in_float32_and_survives_saving():
    layer = augment.LogMel(**AT_8_KHZ, bands=40, min_frames=20, dtype="mixed_float16")
    assert layer(NOISE).dtype == tf.float32
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.settings == layer.settings
    np.testing.assert_array_equal(again(NOISE), layer(NOISE))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"rate": 0}, "rate"),
        ({"window": 1024.0}, "window"),
        ({"hop": True}, "hop"),
        ({"bands": -1}, "bands"),
        ({"min_frames": 0}, "min_frames"),
        ({"min_frames": 3}, "window"),
        ({"low": 7800.0}, "low"),
        ({"low": -1.0}, "low"),
        ({"high": 8001.0}, "high"),
        ({"rate": 8000}, "high"),
        ({"bands": 400}, "bands"),
    ],
)
def test_wrong_settings_are_refused_in_three_parts(settings, names):
    with pytest.raises(ValueError, match=f"Expected.*Received: .*{names}"):
        augment.LogMel(**settings)


@pytest.mark.parametrize("shape", [(), (2, 16_000, 1)])
def test_other_shapes_are_refused(log_mel, shape):
    with pytest.raises(ValueError, match=r"`samples`.*Expected.*Received"):
        log_mel(np.zeros(shape, np.float32))
