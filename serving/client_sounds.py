"""What a client takes for a recording, as the encoded bytes that a server takes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from keras_twins.decode import host_sounds
from keras_twins.serving.client_errors import SoundError

if TYPE_CHECKING:
    import numpy.typing as npt

Sound: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview"
    " | npt.NDArray[np.floating] | tuple[npt.NDArray[np.floating], int]"
)


def encode(index: int, sound: Sound, rate: int) -> bytes:
    """Gives the bytes to send for a recording: a WAV file at the model's rate.

    Args:
        index: int. The recording's place, for messages.
        sound: path of a file; bytes of one; float array `(samples,)` or `(samples,
            channels)` in -1..1 at the model's rate; or `(array, rate)` for another
            rate, as `soundfile.read` gives it.
        rate: int. The model's, in Hz.

    Returns:
        bytes. What is not a recording stays as it is, for the server to refuse.

    Raises:
        SoundError: if it is none of these, or a file that cannot be read.
    """
    try:
        if isinstance(sound, (str, os.PathLike)):
            return host_sounds.readable(Path(sound).read_bytes(), rate)
        if isinstance(sound, (bytes, bytearray, memoryview)):
            return host_sounds.readable(bytes(sound), rate)
        samples, own_rate = sound if _is_pair(sound) else (sound, rate)
        if _is_wave(samples):
            return host_sounds.wav_of_samples(samples, own_rate, rate)
    except OSError as error:
        raise SoundError(index, sound, error.strerror) from error
    except host_sounds.ERRORS as error:
        raise SoundError(index, sound, str(error)) from error
    what = type(samples).__name__
    if isinstance(samples, np.ndarray):
        what = f"{samples.dtype} array {samples.shape}"
    raise SoundError(
        index,
        sound,
        "expected a path, bytes, a float array (samples,) or (samples, channels), or "
        f"such an array and its rate in Hz; got {what}",
    )


def _is_pair(sound):
    is_pair = isinstance(sound, tuple) and len(sound) == 2
    return is_pair and isinstance(sound[1], (int, np.integer))


def _is_wave(samples):
    is_float = isinstance(samples, np.ndarray) and samples.dtype.kind == "f"
    return is_float and samples.ndim in (1, 2)
