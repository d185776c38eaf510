"""Writes a trained encoder of sounds as a SavedModel that a server can load."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.decode import host_sounds
from keras_twins.decode.base import Limits
from keras_twins.decode.sounds import SoundDecoder
from keras_twins.export.arrays import SampleArrays
from keras_twins.export.graph import EmbeddingGraph, check_encoder
from keras_twins.export.precision import Precision, in_16_bits, with_precision
from keras_twins.export.publish import publish
from keras_twins.export.reference import Reference, made_sounds
from keras_twins.export.signatures import SAMPLE_RATE
from keras_twins.types import StrPath

if TYPE_CHECKING:
    from keras_twins.augment import LogMel


def export_sound_model(
    encoder: keras.Model,
    output_dir: StrPath,
    log_mel: "LogMel",
    *,
    normalise: bool = True,
    precision: Precision | None = None,
    max_seconds: float = 300.0,
    metadata: Mapping[str, Any] | None = None,
    sounds: Sequence[npt.NDArray[np.float32]] | None = None,
    warmup_batch_sizes: Iterable[int] = (1, 2, 4, 8, 16, 32),
) -> Path:
    """Publishes an encoder of sounds as the next version of a model to be served.

    Two signatures of the version have one output, `embedding`: float32
    `(N, width)`. `serving_default` takes `audio_bytes`, a vector of WAV files of any
    lengths: 16-bit integers at the rate of `log_mel`, whose channels are averaged.
    `embed_samples` takes `samples`, float32 `(N, samples)` in −1..1 at that rate. A
    third one, `sample_rate`, tells clients the rate: it takes `audio_bytes`, which may
    be empty strings, and answers `sample_rate`, int64 `(N,)` in Hz.
    Decoding, the log-mels and the checks of what comes in are part of the graph. Each
    file is embedded as if it were alone. Before it is published, the written model is
    compared with the encoder and run by TensorFlow's C library.

    Args:
        encoder: Keras model from float32 log-mels `(batch, bands, None, 1)`, which it
            standardises itself, to `(batch, width)`.
        output_dir: path. The model's folder; the version becomes
            `output_dir/<number>/`, one more than the highest there.
        log_mel: the `kt.augment.LogMel` that the encoder was trained with.
        normalise: bool. Whether embeddings get unit length.
        precision: as of `export_saved_model`.
        max_seconds: float. What lasts longer is refused. All of a recording passes the
            encoder at once: five minutes may take gigabytes.
        metadata: as of `export_saved_model`.
        sounds: list of float32 arrays `(samples,)` in −1..1 to check and warm up with,
            rounded to 16 bits. Defaults to three made ones.
        warmup_batch_sizes: as of `export_saved_model`.

    Returns:
        `pathlib.Path` of the version's folder.

    Raises:
        ValueError: if the encoder's input or output does not fit, or there is no such
            precision.
        ExportError: if the written model does not answer as the encoder does. Nothing
            is published then.
    """
    check_encoder(encoder, (log_mel.bands, None, 1))
    exported = with_precision(encoder, precision)
    if sounds is None:
        most = int(max_seconds * log_mel.rate)
        made = made_sounds(log_mel.rate, log_mel.min_samples)
        sounds = [sound[:most] for sound in made]
    steps = [host_sounds.in_16_bits(sound) for sound in sounds]
    files = [host_sounds.wav(sound, log_mel.rate) for sound in steps]
    # The waveforms that the files hold.
    sounds = [sound / np.float32(host_sounds.FULL_SCALE) for sound in steps]
    shortened = in_16_bits(encoder) or in_16_bits(exported)
    graph = sound_graph(exported, log_mel, normalise, max_seconds)
    reference = Reference(encoder, sounds, files, log_mel, normalise, shortened)
    return publish(
        graph,
        exported,
        reference,
        output_dir,
        files,
        warmup_batch_sizes,
        metadata,
        log_mel=log_mel.settings,
        normalised=normalise,
        precision=precision,
        max_seconds=max_seconds,
    )


def sound_graph(encoder, log_mel, normalise, max_seconds):
    """The graph of an encoder of sounds; the arguments are `export_sound_model`'s."""
    return EmbeddingGraph(
        encoder,
        SoundDecoder(log_mel.rate),
        Limits(max_seconds=max_seconds),
        SampleArrays(log_mel.rate, max_seconds),
        log_mel,
        (log_mel.bands, None, 1),
        normalise,
        further={SAMPLE_RATE: functools.partial(_rates, rate=log_mel.rate)},
    )


def _rates(files, rate):
    # One per file, since a server that runs requests together cuts answers by rows.
    return {SAMPLE_RATE: tf.fill(tf.shape(files), tf.constant(rate, tf.int64))}
