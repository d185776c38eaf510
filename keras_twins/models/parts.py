"""Whether the parts of a `Twins` fit each other."""

from typing import Any

import keras
import numpy as np

from keras_twins.models.teacher import check_momentum

# Taken for a side of images that the encoder leaves open.
_ANY_SIDE = 32


def check(
    encoder: keras.Model,
    projector: keras.Model,
    views: keras.Layer | None,
    predictor: keras.Model | None = None,
    momentum: Any = None,
) -> None:
    """Refuses parts from which no `Twins` can be made.

    Args:
        encoder: as of `Twins`.
        projector: as of `Twins`.
        views: as of `Twins`.
        predictor: as of `Twins`.
        momentum: as of `Twins`.

    Raises:
        ValueError: for parts without weights or shapes, parts that do not fit, views
            with another backend than TensorFlow, and momentum outside 0..1.
    """
    for name, part in (("encoder", encoder), ("projector", projector)):
        _check_part(name, part)
    _check_widths(encoder.output_shape, projector.input_shape)
    if views is not None:
        _check_views(views, encoder.input_shape)
    if predictor is not None:
        _check_part("predictor", predictor)
        _check_predictor(predictor, projector.output_shape[-1])
    if momentum is not None:
        check_momentum(momentum)


def _check_part(name, part):
    if not part.built:
        raise ValueError(
            f"The {name} has no weights yet. Expected a built `keras.Model`: give its "
            f"first layer an input shape. Received: {name}={part}"
        )
    for side in ("input_shape", "output_shape"):
        shape = getattr(part, side, None)
        if shape is None:
            raise ValueError(
                f"The {name} has no `{side}`. Expected a functional or sequential "
                f"model: `keras.Model(inputs, outputs)`. Received: {name}={part}"
            )
        if not all(length is None or isinstance(length, int) for length in shape):
            raise ValueError(
                f"The {name} has several {side.removesuffix('_shape')}s. Expected one. "
                f"Received: {name}.{side}={shape}"
            )


def _check_widths(embedding_shape, projector_shape):
    if len(embedding_shape) != 2:
        raise ValueError(
            "The encoder must give one flat embedding per image. Expected an output of "
            "shape `(batch_size, dim)`: add a pooling layer. "
            f"Received: encoder.output_shape={embedding_shape}"
        )
    if embedding_shape[-1] != projector_shape[-1]:
        raise ValueError(
            "The projector does not fit the encoder. Expected an input of width "
            f"{embedding_shape[-1]}. "
            f"Received: projector.input_shape={projector_shape}"
        )


def _check_predictor(predictor, width):
    """Compares both sides of a predictor with the projections."""
    for side in ("input_shape", "output_shape"):
        shape = getattr(predictor, side)
        if len(shape) != 2 or shape[-1] != width:
            raise ValueError(
                "The predictor does not fit the projector: it makes projections of "
                f"projections. Expected an input and an output of width {width}. "
                f"Received: predictor.{side}={shape}"
            )


def _check_views(views, input_shape):
    """Compares the views of one black image with the encoder's input."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "A model that makes the views needs the TensorFlow backend. Expected "
            "views=None, and `fit` on pairs of views that were made outside. "
            f"Received: views={views}, backend={keras.backend.backend()}"
        )
    sides = [_ANY_SIDE if side is None else side for side in input_shape[1:]]
    for view in views(np.zeros((1, *sides), np.float32), training=False):
        check_view(view.shape, input_shape)


def check_view(shape: Any, input_shape: tuple[int | None, ...]) -> None:
    """Refuses views that an encoder does not take.

    Args:
        shape: of a batch of views, as far as it is known.
        input_shape: of the encoder.

    Raises:
        ValueError: for another number of axes, another size or other channels.
    """
    shape = tuple(shape)
    fits = len(shape) == len(input_shape) and all(
        None in (side, length) or side == length
        for side, length in zip(input_shape[1:], shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            "The views do not fit the encoder. Expected views of shape "
            f"{tuple(input_shape)}, as the encoder takes them; one of views of several "
            "sizes has an input shape of (None, None, channels) and ends in a global "
            f"pooling. Received: {shape}"
        )
