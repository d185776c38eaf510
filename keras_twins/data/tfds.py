"""Images of a TensorFlow Datasets (TFDS) data set."""

import contextlib
import difflib
import re

import numpy as np
import tensorflow as tf
from absl import logging

from keras_twins.data.sources import Source
from keras_twins.decode.images import ImageDecoder
from keras_twins.errors import InputError

_MAX_NAMES_SHOWN = 5
# What TFDS puts before the reason why it cannot open a data set.
_PREFIX = re.compile(r"^Failed to construct dataset .*?}\": ")


class TFDSSource(Source):
    """One split of a TFDS data set, in its stored order.

    Only the encoded image (and the label) of an example is read; `decode` does the
    rest, so that shuffling moves bytes and not pixels.
    """

    decoder = ImageDecoder()

    def __init__(self, name, split, data_dir=None, download=False):
        import tensorflow_datasets as tfds  # It takes seconds; folders need none.

        self.name = name
        with _quiet():
            self._builder = _builder(tfds, name, data_dir)
            _prepare(self._builder, name, download)
            info = _split_info(self._builder, name, split)
        self.num_images = info.num_examples
        if not self.num_images:
            raise InputError(f"split {split!r} of {name} has no images")
        self._split = split
        features = _features(self._builder)
        image = _image_feature(tfds, features, name)
        self.image_shape = (*image.shape[:2], 3)
        stored = self._builder.info.splits.total_num_examples or self.num_images
        size = int(self._builder.info.dataset_size or 0)
        self.encoded_bytes = size * self.num_images // stored
        label = features.get("label")
        self.has_labels = label is not None and np.issubdtype(
            label.np_dtype, np.integer
        )
        if self.has_labels and isinstance(label, tfds.features.ClassLabel):
            self.class_names = tuple(label.names)

    def records(self, labels=False):
        import tensorflow_datasets as tfds  # As above.

        keys = ["image", "label"] if labels else ["image"]
        with _quiet():
            examples = self._builder.as_dataset(
                split=self._split,
                shuffle_files=False,
                decoders=tfds.decode.PartialDecoding(
                    dict.fromkeys(keys, True),
                    decoders={"image": tfds.decode.SkipDecoding()},
                ),
                read_config=tfds.ReadConfig(
                    interleave_cycle_length=1, try_autocache=False
                ),
            )
        if labels:
            return examples.map(
                lambda example: (example["image"], tf.cast(example["label"], tf.int64))
            )
        return examples.map(lambda example: example["image"])

    def contents(self, record):
        return record

    def label(self, record):
        del record  # It is the image itself.
        return tf.constant(f"an image of {self.name}")

    def decode(self, record):
        return tf.ensure_shape(super().decode(record), self.image_shape)


def _builder(tfds, name, data_dir):
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


def _prepare(builder, name, download):
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


def _split_info(builder, name, split):
    try:
        return builder.info.splits[split]
    except (KeyError, ValueError):
        splits = ", ".join(sorted(builder.info.splits))
        raise InputError(
            f"data set {name!r} has no split {split!r}; it has: {splits}"
        ) from None


def _features(builder):
    features = builder.info.features
    return dict(features.items()) if hasattr(features, "items") else {}


def _image_feature(tfds, features, name):
    image = features.get("image")
    if not isinstance(image, tfds.features.Image):
        raise InputError(
            f"data set {name!r} has no feature 'image' that is an image; it has: "
            f"{', '.join(features)}"
        )
    if image.np_dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"the images of data set {name!r} are {np.dtype(image.np_dtype)}; "
            "8- or 16-bit ones are expected"
        )
    return image


def _first_line(error):
    lines = _PREFIX.sub("", str(error).strip()).splitlines()
    return lines[0] if lines else type(error).__name__


@contextlib.contextmanager
def _quiet():
    """Keeps what TFDS logs on its way off the screen."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
