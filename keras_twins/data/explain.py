"""One readable line instead of TensorFlow's error about a file."""

import concurrent.futures
import contextlib
import functools
import pathlib
import re
from collections.abc import Iterator

import tensorflow as tf

from keras_twins.decode import errors
from keras_twins.errors import UnreadableImage

_READING = re.compile(r"Decode\w+|ExtractJpegShape|ReadFile")


@contextlib.contextmanager
def explain_read_errors(images: tf.data.Dataset) -> Iterator[None]:
    """Turns TensorFlow's error about an unreadable image into one readable line.

    An image that cannot be decoded stops `fit`, or any other loop over a data set,
    with an error that shows the graph and, for a truncated file, does not name it.

    Args:
        images: what `kt.data.load` returned.

    Raises:
        UnreadableImage: naming the image that cannot be read.
        InputError: naming a file of many images that is damaged, or a cache of
            converted images that was deleted meanwhile. Errors that do not come from
            reading images pass unchanged.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raise _explained(error, images) or error from None


def unreadable_image(decoder, path):
    """Says why a file cannot be decoded.

    Args:
        decoder: `keras_twins.decode.base.Decoder`.
        path: str.

    Returns:
        `UnreadableImage`, or None for a file that can be decoded.
    """
    reason = reason_of_file(decoder, path)
    return reason and UnreadableImage(f"{path} {reason}")


def reason_of_file(decoder, path):
    """Why a file cannot be decoded, a line that follows its name; None where it can."""
    try:
        contents = pathlib.Path(path).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return reason_of_bytes(decoder, contents)


def reason_of_bytes(decoder, contents):
    """Why bytes cannot be decoded, a line that follows a name; None where they can."""
    try:
        decoder.decode(contents, "the file")
    except tf.errors.OpError as error:
        return errors.reason(error.message)
    return None


def _explained(error, images):
    source = getattr(images, "source", None)
    own = errors.label_and_reason(str(error))
    if own:
        path, reason = own
        if source is not None:
            path = source.originals.get(path, path)
            # Why it was not converted says more than that it should be.
            reason = source.reasons.get(path, reason)
        return UnreadableImage(f"{path} {reason}")
    if source is None:
        return None
    damaged = source.damage(error)
    if damaged or source.paths is None or not _READING.search(str(error)):
        return damaged
    return _first_unreadable(source)


def _first_unreadable(source):
    """Why the first file of a source that cannot be read cannot be read."""
    find = functools.partial(reason_of_file, source.decoder)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reasons = pool.map(find, source.read_paths)
        for path, reason in zip(source.paths, reasons, strict=True):
            if reason is not None:
                pool.shutdown(cancel_futures=True)
                return UnreadableImage(f"{path} {reason}")
    return None
