"""What the files of a folder are, images or recordings, and what differs in reading."""

import dataclasses
import functools
from collections.abc import Callable
from typing import BinaryIO

from keras_twins.decode import host, host_sounds


@dataclasses.dataclass(frozen=True)
class Modality:
    """How files of one modality are found and made into what the graph reads.

    Attributes:
        word: str, what messages call one of them; its plural has an s.
        one: str, the same with its article.
        prefix: str, how the names of such collections begin.
        suffixes: tuple of str, how the names of such files end.
        table: str, the name of a table of labels that a folder may hold; None where
            it has to be given.
        needs_conversion: function of a file's first bytes: whether the graph does not
            read it as it is.
        is_deep: function of a file's first bytes: whether it has samples of 16 bits
            that are cut down to 8.
        convert: function of a binary file object: the bytes that the graph reads. It
            raises one of `errors`.
        converted_to: str, what kind of file those bytes are.
        version: str, a part of the names of converted files: another one for another
            way to convert.
        errors: exceptions of a file that is missing or not read.
    """

    word: str
    one: str
    prefix: str
    suffixes: tuple[str, ...]
    table: str | None
    needs_conversion: Callable[[bytes], bool]
    is_deep: Callable[[bytes], bool]
    convert: Callable[[BinaryIO], bytes]
    converted_to: str
    version: str
    errors: tuple[type[Exception], ...]

    @property
    def plural(self):
        return f"{self.word}s"


# How the names of files of any modality end.
SUFFIXES = (*host.IMAGE_SUFFIXES, *host_sounds.SOUND_SUFFIXES)
# How the names of collections of recordings begin, whatever their rate.
SOUNDS = "sounds:"

IMAGES = Modality(
    word="image",
    one="an image",
    prefix="folder:",
    suffixes=host.IMAGE_SUFFIXES,
    table=None,
    needs_conversion=host.needs_conversion,
    is_deep=host.is_16_bit,
    convert=host.png_of_file,
    converted_to="PNG",
    version="1",
    errors=host.ERRORS,
)


def recordings(rate):
    """Recordings that are read at a rate, an int in Hz."""
    return Modality(
        word="recording",
        one="a recording",
        prefix=SOUNDS,
        suffixes=host_sounds.SOUND_SUFFIXES,
        table="clips.csv",
        needs_conversion=functools.partial(host_sounds.needs_conversion, rate=rate),
        is_deep=lambda head: False,
        convert=functools.partial(host_sounds.wav_of_file, rate=rate),
        converted_to="WAV",
        version=f"1 {host_sounds.RESAMPLER} {rate} Hz",
        errors=host_sounds.ERRORS,
    )
