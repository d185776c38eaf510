"""Normalisation as a part of a model, so that it takes pixels."""

from collections.abc import Sequence

import keras


def with_normalisation(
    encoder: keras.Model,
    mean: Sequence[float],
    std: Sequence[float],
    name: str = "encoder",
) -> keras.Model:
    """An encoder that takes pixels, from one that takes normalised images.

    Args:
        encoder: `keras.Model` from normalised images `(batch_size, H, W, 3)` to
            embeddings `(batch_size, dim)`.
        mean: three floats in 0..1, the mean of each channel of the training images.
        std: three floats in 0..1, the standard deviation of each channel.
        name: str.

    Returns:
        `keras.Model` from images in 0..255 to embeddings; it shares the encoder's
        weights.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> of_pixels = kt.models.with_normalisation(encoder, (0.5,) * 3, (0.25,) * 3)
        >>> grey, zeros = np.full((1, 16, 16, 3), 127.5), np.zeros((1, 16, 16, 3))
        >>> np.allclose(of_pixels(grey), encoder(zeros), atol=1e-5)
        True
    """
    inputs = keras.Input(encoder.input_shape[1:], name="images")
    scale = [1.0 / (255.0 * s) for s in std]
    offset = [-m / s for m, s in zip(mean, std, strict=True)]
    x = keras.layers.Rescaling(scale, offset, name="normalise")(inputs)
    return keras.Model(inputs, encoder(x), name=name)
