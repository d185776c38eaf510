"""Normalisation as a part of a model, so that it takes pixels, or log-mels."""

from collections.abc import Sequence

import keras


def with_normalisation(
    encoder: keras.Model,
    mean: Sequence[float],
    std: Sequence[float],
    name: str = "encoder",
    *,
    unit: float = 255.0,
) -> keras.Model:
    """An encoder that takes pixels, from one that takes normalised images.

    Or one that takes log-mels, from one that takes normalised log-mels.

    Args:
        encoder: `keras.Model` from normalised images `(batch_size, H, W, C)` to
            embeddings `(batch_size, dim)`.
        mean: a float per channel, the mean of the training images over `unit`.
        std: a float per channel, their standard deviation over `unit`.
        name: str.
        unit: float. The value that `mean` and `std` count in: 255 for pixels, whose
            statistics are in 0..1; 1 for log-mels.

    Returns:
        `keras.Model` from images in 0..255, or log-mels, to embeddings; it shares the
        encoder's weights.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> of_pixels = kt.models.with_normalisation(encoder, (0.5,) * 3, (0.25,) * 3)
        >>> grey, zeros = np.full((1, 16, 16, 3), 127.5), np.zeros((1, 16, 16, 3))
        >>> np.allclose(of_pixels(grey), encoder(zeros), atol=1e-5)
        True
    """
    inputs = keras.Input(encoder.input_shape[1:], name="images")
    scale = [1.0 / (unit * s) for s in std]
    offset = [-m / s for m, s in zip(mean, std, strict=True)]
    x = keras.layers.Rescaling(scale, offset, name="normalise")(inputs)
    return keras.Model(inputs, encoder(x), name=name)
