"""Images of a TensorFlow Datasets (TFDS) data set."""

import functools

import numpy as np
import tensorflow as tf

from keras_twins.data import tfds_features, tfds_files, tfds_prepared
from keras_twins.data.sources import Source
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder
from keras_twins.errors import InputError

# Of a place in a split, in front of an image's bytes.
_DIGITS = 12


class TFDSSource(Source):
    """One split of a TFDS data set, in its stored order.

    Only the encoded image (and the label) of an example is read; `decode` does the
    rest, so that shuffling moves bytes and not pixels. A record is an image's place in
    the split, in twelve digits, and its bytes: what cannot be decoded is named by it.

    Args:
        name: str, as TFDS takes it.
        split: str, or a slice of one.
        data_dir: folder of prepared data sets; None for TFDS's own.
        download: bool, whether the data set may be downloaded and prepared.
        image_key: path of the feature that holds the images, such as "left" or "a/b";
            None where it is called "image" or is the only one.
        label_key: path of the feature that holds the labels; None where it is called
            "label" or is the only `ClassLabel`. Classes that are texts are numbered in
            their order over all splits, which reads the labels of them all once.
    """

    decoder = ImageDecoder()

    def __init__(
        self,
        name,
        split,
        data_dir=None,
        download=False,
        image_key=None,
        label_key=None,
    ):
        import tensorflow_datasets as tfds  # It takes seconds; folders need none.

        self.name = name
        with tfds_prepared.quiet():
            self._builder = tfds_prepared.builder_of(tfds, name, data_dir)
            tfds_prepared.prepare(self._builder, name, download)
            info = tfds_prepared.split_info(self._builder, name, split)
            features = self._builder.info.features
        self._split = split
        self._places = np.arange(info.num_examples)
        if not info.num_examples:
            raise InputError(f"split {split!r} of {name} has no images")
        self._image_key, image = tfds_features.find_image(
            tfds, features, name, image_key
        )
        label = tfds_features.find_label(tfds, features, name, label_key)
        self.has_labels = isinstance(label, tfds_features.Label)
        self._label = label if self.has_labels else None
        self._no_labels = None if self.has_labels else label
        self._examples = tfds_files.Examples(self._builder.info.splits, split, name)
        self.image_shape = _shape(image)

    @property
    def num_images(self):
        return len(self._places)

    @property
    def encoded_bytes(self):
        stored = self._builder.info.splits.total_num_examples or self.num_images
        size = int(self._builder.info.dataset_size or 0)
        return size * self.num_images // stored

    @functools.cached_property
    def class_names(self):
        if self._label is None or not self._label.is_text:
            return self._label and self._label.class_names
        return tuple(text.decode("utf-8", "replace") for text in self._texts())

    @property
    def no_labels(self):
        return self._no_labels

    def name_of(self, index):
        return self._examples.name_of(self._places[index])

    def names(self):
        names = self._examples.names()
        return [names[place] for place in self._places]

    def without(self, names):
        if not names:
            return self
        kept = np.array([name not in names for name in self.names()])
        if not kept.any():
            raise InputError(f"{self.name} has no image that can be read")
        return self.only(kept)

    def only(self, kept):
        return self if kept.all() else self._changed(_places=self._places[kept])

    def records(self, labels=False):
        keys = [self._image_key, *([self._label.key] if labels else [])]
        examples = _read(self._builder, self._split, keys).enumerate()
        whole = self._builder.info.splits[self._split].num_examples
        if self.num_images < whole:
            kept = np.zeros(whole, bool)
            kept[self._places] = True
            kept = tf.constant(kept)
            examples = examples.filter(lambda place, *_: kept[place]).apply(
                tf.data.experimental.assert_cardinality(self.num_images)
            )

        # Read here, since the graph that numbers them cannot read files.
        texts = self._texts() if labels and self._label.is_text else None

        def record(place, found):
            contents = _readable(_at(found, self._image_key))
            record = tf.strings.as_string(place, width=_DIGITS, fill="0") + contents
            return (record, _number(_at(found, keys[1]), texts)) if labels else record

        return examples.map(record, tf.data.AUTOTUNE)

    def contents(self, record):
        return tf.strings.substr(record, _DIGITS, tf.strings.length(record) - _DIGITS)

    def label(self, record):
        place = tf.strings.to_number(tf.strings.substr(record, 0, _DIGITS), tf.int64)
        return self._examples.name_in_graph(place) + f" of {self.name}"

    def decode(self, record):
        return tf.ensure_shape(super().decode(record), self.image_shape)

    def damage(self, error):
        torn = isinstance(error, tf.errors.DataLossError | tf.errors.NotFoundError)
        if torn or "expected to contain" in str(error):
            return self._examples.damage()
        return None

    def _texts(self):
        return _texts(str(self._builder.data_path), self._label.key)


def _number(label, texts):
    """The number of a class, in the graph."""
    if texts is None:
        return tf.cast(label, tf.int64)
    return tf.argmax(tf.constant(texts) == label)


def _shape(image):
    """Height, width and channels of all images; None where sizes differ."""
    height, width = image.shape[:2]
    # A file may say that it is to be turned, whatever shape the data set has.
    turned = height != width and image._encoding_format != "png"
    return (None, None, 3) if turned else (height, width, 3)


def _read(builder, split, keys):
    """Examples in their stored order, of which only some features are read."""
    import tensorflow_datasets as tfds  # It takes seconds; folders need none.

    image = keys[0]
    with tfds_prepared.quiet():
        return builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(
                _nested(keys, True),
                decoders=_nested([image], tfds.decode.SkipDecoding()),
            ),
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )


def _nested(keys, value):
    """`["a/b", "c"]` as `{"a": {"b": value}, "c": value}`."""
    nested = {}
    for key in keys:
        *above, last = key.split("/")
        inner = nested
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


def _at(example, key):
    for part in key.split("/"):
        example = example[part]
    return example


@functools.cache
def _texts(directory, key):
    """The different texts of a feature over all splits, sorted, as bytes."""
    import tensorflow_datasets as tfds  # It takes seconds; folders need none.

    with tfds_prepared.quiet():
        builder = tfds.builder_from_directory(directory)
        examples = builder.as_dataset(
            split="+".join(builder.info.splits),
            decoders=tfds.decode.PartialDecoding(_nested([key], True)),
        )
    found = set()
    for example in examples.batch(1024).as_numpy_iterator():
        found.update(_at(example, key))
    return tuple(sorted(found))


def _readable(contents):
    """Bytes that TensorFlow's decoders read: an image of a rarer kind as a PNG.

    JPEG, PNG and GIF files, nearly all there are, never leave the graph.
    """
    start = tf.strings.substr(contents, 0, 3)
    usual = tf.reduce_any(start == [b"\xff\xd8\xff", b"\x89PN", b"GIF"])

    def convert():
        converted = tf.numpy_function(_converted, [contents], tf.string)
        return tf.ensure_shape(converted, ())

    return tf.cond(usual, lambda: contents, convert)


def _converted(contents):
    try:
        return host.readable(contents)
    except host.ERRORS:
        return contents  # The decoder says what is wrong with it.
