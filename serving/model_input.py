"""What an exported model takes: images, or recordings at its rate."""

import abc
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_twins.decode.modality import IMAGES, Modality, recordings
from keras_twins.errors import InputError
from keras_twins.export.signatures import AUDIO_BYTES, IMAGE_BYTES
from keras_twins.serving import client_images, client_sounds
from keras_twins.serving.client_errors import EmbeddingError, ImageError, SoundError

_DESCRIPTION = "assets.extra/keras_twins.json"


class ModelInput(abc.ABC):
    """How a client makes what one kind of model takes.

    Attributes:
        name: str, of the input of `serving_default`.
        modality: `keras_twins.decode.modality.Modality` of its files.
        error: subclass of `EmbeddingError`, for one that has no embedding.
        plain: an image or recording that every such model embeds.
    """

    name: str
    modality: Modality
    error: type[EmbeddingError]
    plain: Any

    @abc.abstractmethod
    def encode(self, index: int, given: Any) -> bytes:
        """The bytes to send for the image or recording at a place; raises `error`."""


class ImageInput(ModelInput):
    """Of a model of images."""

    name, modality, error = IMAGE_BYTES, IMAGES, ImageError

    @property
    def plain(self):
        return Image.new("RGB", (64, 64))

    def encode(self, index, given):
        return client_images.encode(index, given)


class SoundInput(ModelInput):
    """Of a model of recordings.

    Args:
        rate: int, the model's, in Hz.
    """

    name, error = AUDIO_BYTES, SoundError

    def __init__(self, rate):
        self.rate = rate
        self.modality = recordings(rate)

    @property
    def plain(self):
        return np.zeros(self.rate // 10 + 1, np.float32)

    def encode(self, index, given):
        return client_sounds.encode(index, given, self.rate)


def of_version(version_dir):
    """What a version of an exported model takes, as it says; TensorFlow is not needed.

    Args:
        version_dir: path of the version's folder. One that says nothing, as those of
            the first release, takes images.

    Returns:
        `ModelInput`.

    Raises:
        InputError: if what the version says cannot be read.
    """
    path = Path(version_dir, _DESCRIPTION)
    try:
        said = json.loads(path.read_text("utf-8"))
        if said.get("input_name", IMAGE_BYTES) != AUDIO_BYTES:
            return ImageInput()
        return SoundInput(int(said["log_mel"]["rate"]))
    except FileNotFoundError:
        return ImageInput()
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path} does not say what the model takes: {type(error).__name__} {error}"
        ) from error
