"""The convolutional encoder of Audio Barlow Twins and BYOL-A, for log-mels."""

import keras
from keras import layers

from keras_twins.models import time_pooling
from keras_twins.models.batch_norm import BatchNormalization

_BLOCKS = 2


def audiontt(
    input_shape: tuple[int, int | None, int] = (64, None, 1),
    filters: int = 64,
    hidden: int = 2048,
    dropout: float = 0.3,
    name: str = "audiontt",
) -> keras.Model:
    """An encoder that keeps the frequency axis and pools over time alone.

    Two blocks of convolution, batch norm, ReLU and max pooling; the frequencies folded
    into the channels; two dense layers on each frame; their output beside their input,
    pooled over time by maximum plus mean. The defaults are the 6.33 million weights of
    Anton et al., arXiv 2209.14345, and Niizumi et al., arXiv 2204.07402, section III;
    `filters=16, hidden=256` has 134 thousand, for a CPU.

    Args:
        input_shape: `(bands, frames, channels)` of the normalised log-mels; frames may
            be None, for any number from 4 on.
        filters: int, of both convolutions.
        hidden: int, width of both dense layers.
        dropout: float in 0..1, share of the first dense layer's outputs that is left
            out in training.
        name: str.

    Returns:
        `keras.Model` from log-mels to embeddings `(batch_size, dim)` of width
        `bands // 4 * filters + hidden`.

    Raises:
        ValueError: for an unknown number of bands, or fewer than 4.

    Examples:
        >>> import keras_twins as kt
        >>> encoder = kt.models.audiontt(filters=16, hidden=256)
        >>> encoder.output_shape, encoder.count_params()
        ((None, 512), 134192)
    """
    time_pooling.check_bands(input_shape, least=2**_BLOCKS)
    inputs = keras.Input(tuple(input_shape), name="log_mels")
    x = inputs
    for block in range(1, _BLOCKS + 1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"block{block}_conv")(x)
        x = BatchNormalization(name=f"block{block}_norm")(x)
        x = layers.ReLU(name=f"block{block}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    local = time_pooling.by_frame(x)
    x = layers.Dense(hidden, activation="relu", name="dense1")(local)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(hidden, activation="relu", name="dense2")(x)
    x = layers.Concatenate(name="local_and_dense")([local, x])
    return keras.Model(inputs, time_pooling.over_time(x), name=name)
