"""Files that are embedded as a run's own images or recordings are."""

import functools
import os

import numpy as np
import tensorflow as tf

from keras_twins.augment.prepare import resize_and_crop
from keras_twins.decode import errors
from keras_twins.decode.images import ImageDecoder
from keras_twins.decode.sounds import SoundDecoder
from keras_twins.errors import InputError
from keras_twins.runs import of_sounds
from keras_twins.serving.model_input import ImageInput, SoundInput

_AT_A_TIME = 32


class RunEmbedder:
    """Embeds pictures or recordings with the encoder of a run.

    Args:
        run: `keras_twins.runs.run.Run` that has ended.
    """

    def __init__(self, run):
        self._encoder = run.trained_encoder()
        if of_sounds.is_it(run.config):
            self._prepared = functools.partial(
                _log_mel_of, front_end=of_sounds.front_end(run.config)
            )
            self._at_a_time = 1  # They differ in length.
        else:
            self._prepared = functools.partial(
                _square_of, levels=run.levels, settings=run.config.evaluation
            )
            self._at_a_time = _AT_A_TIME

    def embed(self, given):
        """The embeddings of some pictures or recordings, float32 `(n, D)`.

        Args:
            given: list of paths of files, or of the bytes of files.

        Raises:
            InputError: for what is missing, or not an image or recording.
        """
        parts = []
        for start in range(0, len(given), self._at_a_time):
            some = given[start : start + self._at_a_time]
            batch = np.stack([self._prepared(one) for one in some])
            parts.append(np.asarray(self._encoder(batch, training=False)))
        return np.concatenate(parts)


def _square_of(picture, levels, settings):
    pixels = read_picture(picture, levels)
    return resize_and_crop(pixels, settings.image_size, settings.resize)


def _log_mel_of(recording, front_end):
    return front_end(read_recording(recording, front_end.rate))


def read_picture(picture, levels=None):
    """The pixels of an image file, uint8 `(height, width, 3)`.

    Args:
        picture: path of a file, or the bytes of one.
        levels: `(low, high)`, the levels of the run's 16-bit samples, or None.

    Raises:
        InputError: for a file that is missing or not an image.
    """
    return _read(picture, ImageInput(), ImageDecoder(levels))


def read_recording(recording, rate):
    """The waveform of a recording, float32 `(samples,)`.

    Args:
        recording: path of a file, or the bytes of one.
        rate: int, of the waveform, in Hz.

    Raises:
        InputError: for a file that is missing or not a recording.
    """
    return _read(recording, SoundInput(rate), SoundDecoder(rate))


def _read(given, takes, decoder):
    is_path = not isinstance(given, bytes)
    name = str(given) if is_path else f"the {takes.modality.word}"
    if is_path and not os.path.isfile(given):
        raise InputError(f"{name!r} does not exist; expected {takes.modality.one}")
    encoded = takes.encode(0, given)
    try:
        return decoder.decode(encoded, os.path.basename(name)).numpy()
    except tf.errors.OpError as error:
        raise InputError(f"{name} {errors.reason(error.message)}") from error
