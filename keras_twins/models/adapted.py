"""Encoders from elsewhere as encoders that take normalised images."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops


class Scaling(NamedTuple):
    """What an encoder wants of pixels in 0..255: `scale * pixels + offset`.

    Attributes:
        scale: three floats, by channel of the result.
        offset: three floats, by channel of the result.
        reverse: whether the channels are reversed first, RGB to BGR.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse: bool = False


PIXELS = Scaling((1.0,) * 3, (0.0,) * 3)


def scaling_of(preprocess: Callable[[Any], Any]) -> Scaling:
    """Reads off a function such as `preprocess_input` what it does to pixels.

    Args:
        preprocess: function of images in 0..255, `(batch_size, H, W, 3)`, which scales
            and shifts each channel and may reverse the channels.

    Raises:
        ValueError: for a function that does anything else.

    Examples:
        >>> import keras
        >>> from keras_twins.models import adapted
        >>> caffe = adapted.scaling_of(keras.applications.resnet.preprocess_input)
        >>> caffe.reverse, [round(-offset, 3) for offset in caffe.offset]
        (True, [103.939, 116.779, 123.68])
    """
    colours = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [20, 130, 240]]
    pixels = np.array([[colours]], np.float32)
    black, white, red, other = np.asarray(preprocess(pixels), np.float64)[0, 0]
    reverse = bool(np.argmax(np.abs(red - black)) == 2)
    scale, offset = (white - black) / 255, black
    expected = scale * colours[3][:: -1 if reverse else 1] + offset
    if not np.allclose(other, expected, rtol=1e-4, atol=1e-4):
        raise ValueError(
            "Invalid value for argument `preprocess`. Expected a function that scales "
            f"and shifts each channel. Received: preprocess={preprocess}"
        )
    return Scaling(tuple(map(float, scale)), tuple(map(float, offset)), reverse)


def takes_pixels(model: keras.Model) -> bool:
    """Whether a model begins with a layer that scales pixels, as `encoder.keras` does.

    Args:
        model: `keras.Model` of images.
    """
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            return takes_pixels(layer)
        return isinstance(layer, (layers.Rescaling, layers.Normalization))
    return False


def on_normalised(
    body: keras.Model,
    mean: Sequence[float],
    std: Sequence[float],
    scaling: Scaling | None = None,
) -> keras.Model:
    """An encoder of normalised images, from a model with a preprocessing of its own.

    It takes the images as the views give them, so that training, evaluation and export
    need not know of the model's own preprocessing. Feature maps and tokens become their
    means.

    Args:
        body: `keras.Model` of images `(batch_size, H, W, 3)`.
        mean: three floats in 0..1, of the normalised images.
        std: three floats in 0..1, of the normalised images.
        scaling: what `body` wants of pixels; None where it takes normalised images.

    Returns:
        `keras.Model` from normalised images to embeddings `(batch_size, dim)`; it
        shares the weights of `body`.

    Raises:
        ValueError: for a model whose output is not one tensor of rank 2, 3 or 4.
    """
    inputs = x = keras.Input(body.input_shape[1:], name="images")
    if scaling is not None:
        order = -1 if scaling.reverse else 1
        scale = 255 * np.array(scaling.scale) * std[::order]
        offset = 255 * np.array(scaling.scale) * mean[::order] + scaling.offset
        if scaling.reverse:
            x = ops.flip(x, axis=-1)
        # In float32: 0..255 is more than 16 bits hold exactly.
        x = layers.Rescaling(
            scale.tolist(), offset.tolist(), dtype="float32", name="own_scaling"
        )(x)
    x = body(x)
    pools = {
        3: layers.GlobalAveragePooling1D,
        4: layers.GlobalAveragePooling2D,
    }
    rank = len(getattr(x, "shape", ()))
    if rank not in (2, *pools):
        raise ValueError(
            "The model gives no embedding. Expected one output of shape "
            "`(batch_size, dim)`, tokens or a feature map. "
            f"Received: model.output_shape={body.output_shape}"
        )
    if rank in pools:
        x = pools[rank](name="pool")(x)
    return keras.Model(inputs, x, name=f"{body.name}_encoder")


def freeze(model: keras.Model, frozen: int | Sequence[str]) -> None:
    """Keeps layers from being trained; their batch norm uses its moving statistics.

    Args:
        model: `keras.Model`.
        frozen: int, so many of the first layers that have weights; or how the names of
            layers begin.

    Raises:
        ValueError: for more layers than there are, or a beginning that no name has.
    """
    found = weighted_layers(model)
    if isinstance(frozen, int):
        if frozen > len(found):
            raise ValueError(
                f"Expected at most {len(found)}, the number of layers with weights. "
                f"Received: {frozen}"
            )
        chosen = found[:frozen]
    else:
        for beginning in frozen:
            if not any(layer.name.startswith(beginning) for layer in found):
                names = ", ".join(layer.name for layer in found[:5])
                raise ValueError(
                    "Expected how the name of a layer with weights begins; the first "
                    f"are {names}. Received: {beginning!r}"
                )
        chosen = [layer for layer in found if layer.name.startswith(tuple(frozen))]
    for layer in chosen:
        layer.trainable = False


def weighted_layers(model: keras.Model) -> list[keras.Layer]:
    """The innermost layers of a model that have weights, in its order."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += weighted_layers(layer)
        elif layer.weights:
            found.append(layer)
    return found
