"""The prepared TensorFlow Datasets (TFDS) of a folder, and why one cannot be opened."""

import contextlib
import difflib
import re

from absl import logging

from keras_twins.errors import InputError

_MAX_NAMES_SHOWN = 5
# What TFDS puts before the reason why it cannot open a data set.
_PREFIX = re.compile(r"^Failed to construct dataset .*?}\": ")


def builder_of(tfds, name, data_dir):
    """The builder of a data set, or an InputError that says which names are close."""
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        close = difflib.get_close_matches(
            name.split("/")[0].split(":")[0], tfds.list_builders(), _MAX_NAMES_SHOWN
        )
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise InputError(
            f"there is no data set {name!r} ('digits', 'folder:/path' or a "
            f"TensorFlow Datasets name){hint}"
        ) from None
    except Exception as error:  # TFDS refuses configs and versions in many ways.
        raise InputError(
            f"data set {name!r} cannot be opened: {_first_line(error)}"
        ) from error


def prepare(builder, name, download):
    """Prepares a data set that is not, where it may be downloaded."""
    if builder.is_prepared():
        return
    if not download:
        raise InputError(
            f"data set {name!r} is not prepared in data_dir={builder.data_dir_root}; "
            "to download it there, pass --config.download=True"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # Whatever the network or the disk may come up with.
        raise InputError(
            f"data set {name!r} could not be downloaded: {_first_line(error)}"
        ) from error


def split_info(builder, name, split):
    """What TFDS knows of a split or a slice, or an InputError that names the splits."""
    try:
        return builder.info.splits[split]
    except (KeyError, ValueError):
        splits = ", ".join(sorted(builder.info.splits))
        raise InputError(
            f"data set {name!r} has no split {split!r}; it has: {splits}"
        ) from None


def _first_line(error):
    lines = _PREFIX.sub("", str(error).strip()).splitlines()
    return lines[0] if lines else type(error).__name__


@contextlib.contextmanager
def quiet():
    """Keeps what TFDS logs on its way off the screen."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
