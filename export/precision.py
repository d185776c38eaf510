"""The number format that an exported encoder computes in."""

from typing import Literal, TypeAlias, get_args

import keras

Precision: TypeAlias = Literal["float32", "mixed_float16", "mixed_bfloat16"]
PRECISIONS = get_args(Precision)


def with_precision(encoder, precision):
    """Copies an encoder so that it computes in another number format.

    An encoder that was trained in 16 bits on a GPU answers faster on most processors
    in float32, and ONNX Runtime takes no bfloat16 there.

    Args:
        encoder: functional or sequential Keras model.
        precision: one of `PRECISIONS`, the names of Keras's dtype policies, or None
            for the encoder as it is.

    Returns:
        Keras model of the same weights; `encoder` itself for None.

    Raises:
        ValueError: if there is no such precision.
    """
    if precision is None:
        return encoder
    if precision not in PRECISIONS:
        raise ValueError(
            "Invalid value for argument `precision`. "
            f"Expected one of {PRECISIONS} or None. Received: precision={precision}"
        )

    def clone(layer):
        return layer.__class__.from_config({**layer.get_config(), "dtype": precision})

    copy = keras.models.clone_model(encoder, clone_function=clone, recursive=True)
    copy.set_weights(encoder.get_weights())
    return copy


def in_16_bits(encoder):
    """Whether any layer of the encoder computes in 16 bits."""
    dtypes = {layer.compute_dtype for layer in encoder._flatten_layers()}
    return bool(dtypes & {"float16", "bfloat16"})
