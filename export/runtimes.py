"""Exports for runtimes without TensorFlow: ONNX Runtime and LiteRT.

Both hold what follows the preprocessing, to `embedding`, float32 `(N, width)`. That is
`pixels`, float32 `(N, size, size, 3)` in 0..255, as
`keras_twins.augment.prepare.resize_and_crop` makes them; or `log_mels`, float32
`(N, bands, frames, 1)` of any number of frames, as `keras_twins.augment.LogMel` does.
"""

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop, shorter_side
from keras_twins.errors import InputError
from keras_twins.export.description import write_description
from keras_twins.export.graph import check_encoder, embed_prepared
from keras_twins.export.precision import Precision, in_16_bits, with_precision
from keras_twins.export.reference import Reference, made_pictures, made_sounds
from keras_twins.export.signatures import EMBEDDING, SERVING_DEFAULT
from keras_twins.export.versions import new_version
from keras_twins.types import StrPath

if TYPE_CHECKING:
    from keras_twins.augment import LogMel

_OPSET = 18


class Options(TypedDict, total=False):
    """What both exports take beside the encoder; see `export_saved_model`."""

    resize: int | None
    normalise: bool
    precision: Precision | None
    metadata: Mapping[str, Any] | None
    pictures: Sequence[npt.NDArray[np.uint8]] | None


class SoundOptions(TypedDict, total=False):
    """What both exports of sounds take beside the encoder; see `export_sound_model`."""

    normalise: bool
    precision: Precision | None
    metadata: Mapping[str, Any] | None


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


def export_sound_onnx(
    encoder: keras.Model,
    output_dir: StrPath,
    log_mel: "LogMel",
    **options: Unpack[SoundOptions],
) -> Path:
    """Publishes an encoder of sounds as `output_dir/<version>/model.onnx`.

    As `export_onnx`, from log-mels.

    Args:
        encoder: as `export_sound_model`.
        output_dir: as `export_sound_model`.
        log_mel: as `export_sound_model`.
        **options: `normalise`, `precision` and `metadata`, as `export_sound_model`.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        InputError: if the packages of the extra `onnx` are missing.
        ValueError: if the encoder's input or output does not fit.
        ExportError: if the file does not answer as the encoder does.
    """
    return _export_sounds("onnx", _onnx, encoder, output_dir, log_mel, **options)


def export_sound_litert(
    encoder: keras.Model,
    output_dir: StrPath,
    log_mel: "LogMel",
    **options: Unpack[SoundOptions],
) -> Path:
    """Publishes an encoder of sounds as `output_dir/<version>/model.tflite`.

    As `export_litert`, from log-mels.

    Args:
        encoder: as `export_sound_model`.
        output_dir: as `export_sound_model`.
        log_mel: as `export_sound_model`.
        **options: `normalise`, `precision` and `metadata`, as `export_sound_model`.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        InputError: if the package of the extra `litert` is missing.
        ValueError: if the encoder's input or output does not fit.
        ExportError: if the file does not answer as the encoder does.
    """
    return _export_sounds("litert", _litert, encoder, output_dir, log_mel, **options)


def _export(
    name,
    convert,
    encoder,
    output_dir,
    image_size,
    *,
    resize=None,
    pictures=None,
    **options,
):
    resize = shorter_side(image_size, resize)
    prepare = functools.partial(resize_and_crop, image_size=image_size, resize=resize)
    pictures = made_pictures(image_size) if pictures is None else pictures
    shape = (image_size, image_size, 3)
    settings = {"image_size": image_size, "resize": resize}
    given = tf.TensorSpec((None, *shape), tf.float32, "pixels")
    return _publish(
        name,
        convert,
        encoder,
        output_dir,
        given,
        pictures,
        prepare,
        settings,
        **options,
    )


def _export_sounds(name, convert, encoder, output_dir, log_mel, **options):
    given = tf.TensorSpec((None, log_mel.bands, None, 1), tf.float32, "log_mels")
    sounds = made_sounds(log_mel.rate, log_mel.min_samples)
    settings = {"log_mel": log_mel.settings}
    return _publish(
        name, convert, encoder, output_dir, given, sounds, log_mel, settings, **options
    )


def _publish(
    name,
    convert,
    encoder,
    output_dir,
    given,
    elements,
    prepare,
    settings,
    *,
    normalise=True,
    precision=None,
    metadata=None,
):
    check_encoder(encoder, tuple(given.shape[1:]))
    exported = with_precision(encoder, precision)
    shortened = in_16_bits(encoder) or in_16_bits(exported)
    reference = Reference(encoder, elements, [], prepare, normalise, shortened)
    batches = [prepared[np.newaxis] for prepared in reference.prepared]
    function = tf.function(
        lambda batch: {EMBEDDING: embed_prepared(exported, batch, normalise)},
        input_signature=[given],
        autograph=False,
    )
    with new_version(output_dir) as version:
        answer = convert(function, exported, version.path, given.name, batches)
        write_description(
            version.path / "keras_twins.json",
            exported,
            {name: reference.difference(name, answer)},
            metadata,
            name=version.path.resolve().parent.name,
            format=name,
            input_name=given.name,
            normalised=normalise,
            precision=precision,
            **settings,
        )
    return version.path


def _onnx(function, encoder, folder, name, batches):
    """Writes the file and returns what ONNX Runtime answers to batches of an input."""
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
    answers = [session.run([EMBEDDING], {name: batch})[0] for batch in batches]
    return np.concatenate(answers)


def _litert(function, encoder, folder, name, batches):
    """Writes the file and returns what LiteRT answers to batches of an input."""
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
    return np.concatenate([runner(**{name: batch})[EMBEDDING] for batch in batches])


def _missing(extra, packages):
    return InputError(
        f"--format={extra} needs the packages {packages}; install them with: "
        f'pip install "keras-twins[{extra}]"'
    )
