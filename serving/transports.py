"""What the transports of an embedder have in common: answers and failures.

A transport has `input()`, what the model takes, a `ModelInput`; `embed(name, encoded)`,
from the input's name and a list of encoded files to float32 `(count, width)`;
`model()`, which model embeds; and `close()`. It tries once, and tells what failed by
the error. `meets_others` says whether a request may be refused for what is in another
one, as where a server runs several of them as one batch.
"""

from typing import NamedTuple

import numpy as np

from keras_twins.errors import InputError
from keras_twins.export.signatures import AUDIO_BYTES, IMAGE_BYTES
from keras_twins.serving.model_input import ImageInput, SoundInput

_REASON_CHARACTERS = 500


class Model(NamedTuple):
    """Which model made embeddings.

    Attributes:
        name: str, for messages.
        key: str, the same for the same model alone.
    """

    name: str
    key: str


class ServerError(RuntimeError):
    """A server that cannot be reached, or does not answer with embeddings."""


class Unavailable(ServerError):
    """Nobody there or no time now: the same request may succeed later."""


class Refused(ServerError):
    """The server finds fault with the files, or with how many they are."""


def input_of(names, ask_rate):
    """What a model with inputs of some names takes; its rate is asked where it has one.

    Raises:
        LookupError: for another model.
    """
    if IMAGE_BYTES in names:
        return ImageInput()
    if AUDIO_BYTES in names:
        return SoundInput(int(ask_rate()))
    raise LookupError(f"it takes {', '.join(names)}")


def embeddings(answer, count):
    """An answer as a float32 array `(count, width)`; ValueError for another one."""
    rows = np.asarray(answer, np.float32)
    if rows.ndim != 2 or len(rows) != count:
        raise ValueError(f"shape {rows.shape} for {count} files")
    return rows


def served(name, versions):
    """The `Model` that a server takes where a request names no version."""
    version = max(versions)  # ValueError where there is none.
    return Model(f"{name} version {version}", f"served {name} {version}")


def missing(url, package):
    return InputError(
        f"{url} needs the package {package}; install it with: "
        'pip install "keras-twins[serving]"'
    )


def nobody(url, error):
    return Unavailable(f"{url} does not answer: {short(str(error)) or type(error)}")


def too_late(url, timeout):
    return ServerError(f"{url} took more than {timeout:g} s for a request")


def unknown_model(url, model, reason):
    return ServerError(f"{url} serves no model {model!r}: {reason}")


def no_embeddings(url, model):
    return ServerError(
        f"{url} did not answer with one embedding per file; is {model!r} an exported "
        "embedding model?"
    )


def no_version(url, model):
    return ServerError(f"{url} has no version of {model!r} that it serves now")


def short(reason):
    """What a server said, without the end of what is long."""
    reason = reason.strip()
    more = len(reason) > _REASON_CHARACTERS
    return reason[:_REASON_CHARACTERS] + " ..." * more
