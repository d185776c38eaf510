"""Writes a trained encoder of images as a SavedModel that a server can load."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop
from keras_twins.decode.base import Limits
from keras_twins.decode.images import ImageDecoder
from keras_twins.export.arrays import ImageArrays
from keras_twins.export.graph import EmbeddingGraph, check_encoder
from keras_twins.export.precision import Precision, in_16_bits, with_precision
from keras_twins.export.publish import publish
from keras_twins.export.reference import Reference, made_pictures
from keras_twins.types import StrPath


def export_saved_model(
    encoder: keras.Model,
    output_dir: StrPath,
    image_size: int,
    *,
    resize: int | None = None,
    normalise: bool = True,
    precision: Precision | None = None,
    max_pixels: int = 64_000_000,
    levels: tuple[int, int] | None = None,
    metadata: Mapping[str, Any] | None = None,
    pictures: Sequence[npt.NDArray[np.uint8]] | None = None,
    warmup_batch_sizes: Iterable[int] = (1, 2, 4, 8, 16, 32),
) -> Path:
    """Publishes an encoder as the next version of a model for TensorFlow Serving.

    The version has two signatures, both with one output, `embedding`: float32
    `(N, width)`. `serving_default` takes `image_bytes`, a vector of encoded JPEG, PNG,
    BMP, GIF or still WebP images of any sizes; `embed_images` takes `images`, uint8
    `(N, height, width, 3)`. Decoding, evaluation's preprocessing and the checks of
    what comes in are part of the graph. Before it is published, the written model is
    compared with the encoder and run by TensorFlow's C library.

    Args:
        encoder: Keras model from float32 `(batch, image_size, image_size, 3)` pixels
            in 0..255 to `(batch, width)`.
        output_dir: path. The model's folder; the version becomes
            `output_dir/<number>/`, one more than the highest there.
        image_size: int. Side of the encoder's input in pixels.
        resize: int. What a picture's shorter side becomes before the centre crop, in
            pixels. Defaults to `image_size`.
        normalise: bool. Whether embeddings get unit length.
        precision: "float32", "mixed_float16", "mixed_bfloat16", or None for the
            encoder's own. What the exported encoder computes in; embeddings are
            float32 whatever it is.
        max_pixels: int. Width x height above which a picture is refused undecoded.
        levels: (low, high), which samples of 16-bit PNGs become 0 and 255; None for
            their whole range.
        metadata: dict for JSON. Written to `assets.extra/keras_twins.json` under
            `metadata`: the configuration, the data, the accuracy.
        pictures: list of uint8 arrays `(height, width, 3)` to check and warm up with.
            Defaults to three made ones.
        warmup_batch_sizes: ints. Batch sizes of the warm-up requests. Defaults to the
            `allowed_batch_sizes` of serving/tensorflow_serving/batching.config.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        ValueError: if the encoder's input or output does not fit, or there is no such
            precision.
        ExportError: if the written model does not answer as the encoder does. Nothing
            is published then.
    """
    check_encoder(encoder, (image_size, image_size, 3))
    exported = with_precision(encoder, precision)
    pictures = made_pictures(image_size) if pictures is None else pictures
    shortened = in_16_bits(encoder) or in_16_bits(exported)
    graph = image_graph(exported, image_size, resize, normalise, max_pixels, levels)
    files = [tf.io.encode_png(picture).numpy() for picture in pictures]
    reference = Reference(encoder, pictures, files, graph.prepare, normalise, shortened)
    return publish(
        graph,
        exported,
        reference,
        output_dir,
        [tf.io.encode_jpeg(picture).numpy() for picture in pictures],
        warmup_batch_sizes,
        metadata,
        image_size=image_size,
        resize=image_size if resize is None else resize,
        normalised=normalise,
        precision=precision,
        max_pixels=max_pixels,
        levels=levels,
    )


def image_graph(encoder, image_size, resize, normalise, max_pixels, levels=None):
    """The graph of an encoder of images; the arguments are `export_saved_model`'s."""
    return EmbeddingGraph(
        encoder,
        ImageDecoder(levels),
        Limits(max_pixels=max_pixels),
        ImageArrays(),
        functools.partial(resize_and_crop, image_size=image_size, resize=resize),
        (image_size, image_size, 3),
        normalise,
    )
