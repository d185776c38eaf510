"""The projector: from an encoder's embedding to the space of the loss."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_twins.models.batch_norm import BatchNormalization


def projector(
    input_dim: int,
    widths: Sequence[int],
    unit_length: bool = False,
    name: str = "projector",
) -> keras.Model:
    """Dense layers with batch norm and ReLU between them, and none after the last.

    "The projector network has three linear layers, each with 8192 output units. The
    first two layers of the projector are followed by a batch normalization layer and
    rectified linear units" (Barlow Twins, arXiv 2103.03230, section 2.2). No layer has
    a bias, as in the official code: batch norm, or the standardisation in the loss,
    would take it away.

    The code of the note (yaohungt/Barlow-Twins-HSIC) scales each output to unit length
    before the loss standardises it, so that the bias of its last layer counts.

    Args:
        input_dim: int, the width of the encoder's embedding.
        widths: sequence of one or more ints, the layers' widths; the last one is D.
        unit_length: bool, whether outputs get unit length, after a last layer with a
            bias.
        name: str.

    Returns:
        `keras.Model` from `(batch_size, input_dim)` to `(batch_size, widths[-1])`.

    Raises:
        ValueError: for no widths or a width below 1.

    Examples:
        >>> import keras_twins as kt
        >>> projector = kt.models.projector(64, (128, 128))
        >>> projector.output_shape
        (None, 128)
        >>> projector.count_params()  # 64 · 128, 4 · 128 of the batch norm, 128 · 128
        25088
    """
    widths = tuple(widths)
    if not widths or any(width < 1 for width in widths):
        raise ValueError(
            "Invalid value for argument `widths`. Expected one or more positive "
            f"integers. Received: widths={widths}"
        )
    inputs = x = keras.Input((input_dim,), name="embedding")
    for index, width in enumerate(widths):
        if index:
            x = BatchNormalization(name=f"norm{index}")(x)
            x = layers.ReLU(name=f"relu{index}")(x)
        use_bias = unit_length and index == len(widths) - 1
        x = layers.Dense(width, use_bias=use_bias, name=f"dense{index + 1}")(x)
    if unit_length:
        x = layers.UnitNormalization(name="unit_length")(x)
    return keras.Model(inputs, x, name=name)
