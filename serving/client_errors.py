"""What is wrong with something that was given to a client, and which one it is."""

import os

from keras_twins.errors import InputError


class EmbeddingError(InputError):
    """An image or recording that has no embedding.

    Attributes:
        index: int. Its place among those given.
        name: str. Its path, or its place, such as `images[3]`.
        reason: str. Why, as it follows the name.
    """

    # What those are called together that have no path.
    vector: str

    def __init__(self, index: int, given: object, reason: str | None) -> None:
        self.index = index
        is_path = isinstance(given, (str, os.PathLike))
        self.name = str(given) if is_path else f"{self.vector}[{index}]"
        self.reason = str(reason)
        super().__init__(f"{self.name}: {self.reason}")


class ImageError(EmbeddingError):
    """An image that has no embedding."""

    vector = "images"


class SoundError(EmbeddingError):
    """A recording that has no embedding."""

    vector = "audio_bytes"
