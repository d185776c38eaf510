"""Exports for runtimes without TensorFlow: ONNX Runtime and LiteRT.

Both hold what follows the preprocessing: `pixels`, float32 `(N, size, size, 3)` in
0..255 as `keras_twins.augment.prepare.resize_and_crop` makes them, to `embedding`,
float32 `(N, width)`.
"""

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop
from keras_twins.errors import InputError
from keras_twins.export.description import write_description
from keras_twins.export.graph import check_encoder, embed_prepared
from keras_twins.export.precision import Precision, in_16_bits, with_precision
from keras_twins.export.reference import Reference, made_pictures
from keras_twins.export.signatures import EMBEDDING, SERVING_DEFAULT
from keras_twins.export.versions import new_version
from keras_twins.types import StrPath

_OPSET = 18


class Options(TypedDict, total=False):
    """What both exports take beside the encoder; see `export_saved_model`."""

    resize: int | None
    normalise: bool
    precision: Precision | None
    metadata: Mapping[str, Any] | None
    pictures: Sequence[npt.NDArray[np.uint8]] | None


def export_onnx(
    encoder: keras.Model,
    output_dir: StrPath,
    image_size: int,
    **options: Unpack[Options],
) -> Path:
    """Publishes an encoder as `output_dir/<version>/model.onnx`.

    The file is compared with the encoder in ONNX Runtime before it is published. The
    numbered folders are those that Triton Inference Server loads.

    Args:
        encoder: as `export_saved_model`.
        output_dir: as `export_saved_model`.
        image_size: as `export_saved_model`.
        **options: `resize`, `normalise`, `precision`, `metadata` and `pictures`, as
            `export_saved_model`.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        InputError: if the packages of the extra `onnx` are missing.
        ValueError: if the encoder's input or output does not fit.
        ExportError: if the file does not answer as the encoder does.
    """
    return _export("onnx", _onnx, encoder, output_dir, image_size, **options)


def export_litert(
    encoder: keras.Model,
    output_dir: StrPath,
    image_size: int,
    **options: Unpack[Options],
) -> Path:
    """Publishes an encoder as `output_dir/<version>/model.tflite`.

    The file is compared with the encoder in LiteRT before it is published.

    Args:
        encoder: as `export_saved_model`.
        output_dir: as `export_saved_model`.
        image_size: as `export_saved_model`.
        **options: `resize`, `normalise`, `precision`, `metadata` and `pictures`, as
            `export_saved_model`.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        InputError: if the package of the extra `litert` is missing.
        ValueError: if the encoder's input or output does not fit.
        ExportError: if the file does not answer as the encoder does.
    """
    return _export("litert", _litert, encoder, output_dir, image_size, **options)


def _export(
    name,
    convert,
    encoder,
    output_dir,
    image_size,
    *,
    resize=None,
    normalise=True,
    precision=None,
    metadata=None,
    pictures=None,
):
    check_encoder(encoder, (image_size, image_size, 3))
    exported = with_precision(encoder, precision)
    pictures = made_pictures(image_size) if pictures is None else pictures
    shortened = in_16_bits(encoder) or in_16_bits(exported)
    prepare = functools.partial(resize_and_crop, image_size=image_size, resize=resize)
    reference = Reference(encoder, pictures, [], prepare, normalise, shortened)
    function = tf.function(
        lambda pixels: {EMBEDDING: embed_prepared(exported, pixels, normalise)},
        input_signature=[
            tf.TensorSpec((None, image_size, image_size, 3), tf.float32, "pixels")
        ],
        autograph=False,
    )
    with new_version(output_dir) as version:
        pixels = np.stack(reference.prepared)
        answer = convert(function, exported, version.path, pixels)
        write_description(
            version.path / "keras_twins.json",
            exported,
            {name: reference.difference(name, answer)},
            metadata,
            name=version.path.resolve().parent.name,
            format=name,
            image_size=image_size,
            resize=image_size if resize is None else resize,
            normalised=normalise,
            precision=precision,
        )
    return version.path


def _onnx(function, encoder, folder, pixels):
    """Writes the file and returns what ONNX Runtime answers."""
    del encoder
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise _missing("onnx", "tf2onnx, onnx and onnxruntime") from error
    path = str(folder / "model.onnx")
    tf2onnx.convert.from_function(
        function,
        input_signature=function.input_signature,
        opset=_OPSET,
        output_path=path,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (embedding,) = session.run([EMBEDDING], {"pixels": pixels})
    return embedding


def _litert(function, encoder, folder, pixels):
    """Writes the file and returns what LiteRT answers."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise _missing("litert", "ai-edge-litert") from error
    # The converter finds Keras's variables only in a SavedModel.
    module = tf.Module()
    module.encoder_variables = [v.value for v in encoder.variables]
    with tempfile.TemporaryDirectory() as saved:
        signature = function.get_concrete_function()
        tf.saved_model.save(module, saved, signatures=signature)
        model = tf.lite.TFLiteConverter.from_saved_model(saved).convert()
    (folder / "model.tflite").write_bytes(model)
    runner = Interpreter(model_content=model).get_signature_runner(SERVING_DEFAULT)
    return runner(pixels=pixels)[EMBEDDING]


def _missing(extra, packages):
    return InputError(
        f"--format={extra} needs the packages {packages}; install them with: "
        f'pip install "keras-twins[{extra}]"'
    )
