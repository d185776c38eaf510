"""What every decoder promises, whatever it decodes."""

import abc
import dataclasses

import tensorflow as tf

from keras_twins.decode.host import MAX_PIXELS
from keras_twins.decode.sound_kinds import MAX_SECONDS


@dataclasses.dataclass(frozen=True)
class Limits:
    """How large an element may be that is decoded.

    Attributes:
        max_pixels: the largest width x height of an image. The default is what Pillow
            still opens: a training reads images of up to 179 megapixels.
        max_seconds: how long a recording may last. The default is an hour.
    """

    max_pixels: int = MAX_PIXELS
    max_seconds: float = MAX_SECONDS


DEFAULT_LIMITS = Limits()


class Decoder(abc.ABC):
    """Makes an element of a file's bytes, in C++ inside a TensorFlow graph.

    Attributes:
        input_name: what the exported model calls a vector of such files.
    """

    input_name: str

    @abc.abstractmethod
    def decode(self, contents, label, limits=DEFAULT_LIMITS):
        """Decodes one file, whose header is checked before memory is allocated.

        Args:
            contents: scalar string tensor. The file's bytes.
            label: scalar string tensor that names the file in error messages.
            limits: `Limits`.

        Returns:
            tensor, the element.

        Raises:
            tf.errors.InvalidArgumentError: where the graph runs on a file that cannot
                be decoded. `errors.reason` says in one line what is wrong.
        """

    def read(self, path, limits=DEFAULT_LIMITS):
        """Reads and decodes the file at `path`, a scalar string tensor."""
        return self.decode(tf.io.read_file(path), path, limits)
