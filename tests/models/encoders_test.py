"""Encoders and projector: their shapes, sizes and starting points."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_twins import models


@pytest.mark.parametrize(
    ("make", "weights", "width"),
    [
        # torchvision's counts without the head: 11 689 512 - 513 000, and so on.
        (models.resnet18, 11_176_512, 512),
        (models.resnet34, 21_284_672, 512),
        (models.resnet50, 23_508_032, 2048),
    ],
)
def test_sizes_are_those_of_the_paper(make, weights, width):
    encoder = make((64, 64, 3), stem="imagenet")
    trainable = sum(int(np.prod(w.shape)) for w in encoder.trainable_variables)
    assert trainable == weights
    assert encoder.output_shape == (None, width)


def test_resnet20_has_twenty_layers():
    encoder = models.resnet20((32, 32, 3))
    convolutions = [
        layer
        for layer in encoder.layers
        if isinstance(layer, keras.layers.Conv2D) and "shortcut" not in layer.name
    ]
    assert len(convolutions) == 19  # and the head that it does without
    assert encoder.output_shape == (None, 64)


@pytest.mark.parametrize(
    ("stem", "side"), [("cifar", 32), ("small", 16), ("imagenet", 8)]
)
def test_stems(stem, side):
    encoder = models.resnet18((32, 32, 3), stem=stem)
    first_block = encoder.get_layer("stage1_block1_out").output
    assert first_block.shape == (None, side, side, 64)


def test_blocks_start_as_the_identity(rng):
    encoder = models.residual_encoder((8, 8, 3), "cifar", (6,), (2,))
    stem = keras.Model(encoder.input, encoder.get_layer("stem_relu").output)
    images = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    pooled = ops.convert_to_numpy(stem(images)).mean(axis=(1, 2))
    found = ops.convert_to_numpy(encoder(images))
    np.testing.assert_allclose(found, pooled, atol=1e-5)


def test_output_norm_standardises_the_features(rng):
    encoder = models.residual_encoder((8, 8, 3), "cifar", (6,), (1,), output_norm=True)
    images = rng.normal(size=(50, 8, 8, 3)).astype("float32")
    features = ops.convert_to_numpy(encoder(images, training=True))
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(features.std(axis=0), 1.0, atol=0.02)


def test_every_norm_is_synchronised_where_there_are_replicas():
    replicated = keras.backend.backend() == "tensorflow"
    for model in (models.resnet20((32, 32, 3)), models.projector(8, (4, 4, 4))):
        norms = [
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert norms
        assert all(norm.synchronized == replicated for norm in norms)


def test_projector_has_norm_and_relu_between_only():
    projector = models.projector(8, (16, 16, 4))
    kinds = [type(layer).__name__ for layer in projector.layers[1:]]
    hidden = ["Dense", "BatchNormalization", "ReLU"]
    assert kinds == [*hidden, *hidden, "Dense"]
    assert not any(w.path.endswith("bias") for w in projector.weights)
    assert projector.output_shape == (None, 4)


def test_projector_of_the_notes_code_ends_with_a_bias_and_unit_length(rng):
    projector = models.projector(8, (16, 4), unit_length=True)
    biases = [w.path for w in projector.weights if w.path.endswith("bias")]
    assert biases == ["dense2/bias"]
    outputs = ops.convert_to_numpy(projector(rng.normal(size=(6, 8)).astype("float32")))
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=1), 1, rtol=1e-5)


def test_normalisation_takes_pixels(rng):
    body = models.residual_encoder((8, 8, 3), "cifar", (4,), (1,))
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    pixels = rng.integers(0, 256, (3, 8, 8, 3)).astype("float32")
    found = models.with_normalisation(body, mean, std)(pixels)
    expected = body(((pixels / 255 - mean) / std).astype("float32"))
    found, expected = map(ops.convert_to_numpy, (found, expected))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("filters", "hidden", "weights", "width"),
    # 6.33 million and 3072 in arXiv 2209.14345, table 4.1, of which 256 are moments of
    # batch norm; a small one for a CPU.
    [(64, 2048, 6_333_632, 3072), (16, 256, 134_192, 512)],
)
def test_audiontt_has_the_sizes_of_the_paper(filters, hidden, weights, width):
    encoder = models.audiontt(filters=filters, hidden=hidden)
    assert encoder.count_params() == weights
    assert encoder.input_shape == (None, 64, None, 1)
    assert encoder.output_shape == (None, width)


def _for_sounds():
    yield models.audiontt((16, None, 1), filters=4, hidden=8)
    yield models.residual_encoder((16, None, 1), "cifar", (4, 6), (1, 1), pool="time")


def test_encoders_of_sounds_take_any_length_and_know_high_from_low(rng):
    for encoder in _for_sounds():
        log_mels = rng.normal(size=(2, 16, 40, 1)).astype("float32")
        found = ops.convert_to_numpy(encoder(log_mels))
        # A recording that is heard twice is the same recording: time alone is pooled.
        inside = ops.convert_to_numpy(encoder(np.tile(log_mels, (1, 1, 8, 1))))
        upside_down = ops.convert_to_numpy(encoder(log_mels[:, ::-1]))
        assert np.abs(found - upside_down).max() > 0.1
        assert np.abs(found - inside).max() < np.abs(found - upside_down).max()


def test_pooling_over_time_is_maximum_plus_mean(rng):
    for encoder in _for_sounds():
        before = encoder.get_layer("time_max").input
        by_frame = keras.Model(encoder.input, before)
        log_mels = rng.normal(size=(2, 16, 40, 1)).astype("float32")
        frames = ops.convert_to_numpy(by_frame(log_mels))
        np.testing.assert_allclose(
            ops.convert_to_numpy(encoder(log_mels)),
            frames.max(axis=1) + frames.mean(axis=1),
            atol=1e-5,
        )


def test_normalisation_takes_log_mels(rng):
    body = models.audiontt((16, None, 1), filters=4, hidden=8)
    log_mels = rng.normal(-5, 3, size=(2, 16, 20, 1)).astype("float32")
    found = models.with_normalisation(body, (-4.0,), (2.0,), unit=1.0)(log_mels)
    found, expected = map(ops.convert_to_numpy, (found, body((log_mels + 4) / 2)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="at least 4 bands.*Received"):
        models.audiontt((None, None, 1))
    with pytest.raises(ValueError, match="`pool`.*Received: pool='odd'"):
        models.residual_encoder((8, 8, 3), "cifar", (4,), (1,), pool="odd")
    with pytest.raises(ValueError, match="`stem`.*Expected one of.*stem='big'"):
        models.resnet18((32, 32, 3), stem="big")
    with pytest.raises(ValueError, match="as many `widths` as"):
        models.residual_encoder((8, 8, 3), "cifar", (4, 8), (1,))
    with pytest.raises(ValueError, match="`block`.*Received: block='odd'"):
        models.residual_encoder((8, 8, 3), "cifar", (4,), (1,), block="odd")
    with pytest.raises(ValueError, match="`widths`.*Received"):
        models.projector(8, ())
