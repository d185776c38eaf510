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


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="`stem`.*Expected one of.*stem='big'"):
        models.resnet18((32, 32, 3), stem="big")
    with pytest.raises(ValueError, match="as many `widths` as"):
        models.residual_encoder((8, 8, 3), "cifar", (4, 8), (1,))
    with pytest.raises(ValueError, match="`block`.*Received: block='odd'"):
        models.residual_encoder((8, 8, 3), "cifar", (4,), (1,), block="odd")
    with pytest.raises(ValueError, match="`widths`.*Received"):
        models.projector(8, ())
