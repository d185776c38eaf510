"""What the pipelines read: where the elements are, and how one of them is decoded."""

import copy
import dataclasses
import functools
import hashlib
import os
import types
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_twins import listing
from keras_twins.data import memory
from keras_twins.data.explain import explain_read_errors
from keras_twins.decode.base import Decoder
from keras_twins.decode.modality import IMAGES
from keras_twins.errors import InputError

# What other levels of decoding leave as it is.
_FROM_HEADERS = ("image_shape", "_readable", "records_in_memory")


class Source:
    """A fixed, ordered collection of images, or of recordings.

    Its records are what is cheap to shuffle: file names, encoded bytes or, where
    nothing cheaper exists, images. `decode` makes an image of a record, in the graph.
    What is said of images here holds for recordings, whose shape is `(samples,)`.

    Attributes:
        name: what the user called it.
        word: what messages call one element; its plural has an s.
        modality: `keras_twins.decode.modality.Modality`, of files of the same kind.
        num_images: number of images.
        image_shape: `(height, width, channels)`; None where the sizes differ.
        dtype: the dtype of a decoded image.
        class_names: tuple of strings, or None where there are no named classes.
        has_labels: whether `records(labels=True)` exists.
        no_labels: why it does not, in words; None where it does.
        paths: list of file names where the records are files, else None.
        read_paths: list of the names that are read in their place: those of their
            conversions, where TensorFlow does not read the files themselves.
        originals: of the conversions among `read_paths`, the files that they are of.
        reasons: of files that should be converted and cannot be, why, in words.
        decoder: `Decoder` where encoded bytes are behind a
            record, which has `contents` and a `label` then; None where a record is an
            image.
        encoded_bytes: size of all encoded records where they must be read in order.
        frames: of log-mels, how many each has, an int64 array; else None.
    """

    word = "image"
    modality = IMAGES
    dtype = tf.uint8
    class_names = None
    has_labels = False
    paths = None
    read_paths = None
    originals: Mapping[str, str] = types.MappingProxyType({})
    reasons: Mapping[str, str] = types.MappingProxyType({})
    decoder: Decoder | None = None
    encoded_bytes = None
    frames = None

    @property
    def no_labels(self):
        return None if self.has_labels else f"{self.name} has no labels"

    def records(self, labels=False):
        """Data set of records, or of (record, int64 label), in their fixed order."""
        raise NotImplementedError

    @functools.cached_property
    def images_in_memory(self):
        """All images, of one size, as a tensor; decoded once for all pipelines."""
        return memory.load_images(self)

    @functools.cached_property
    def records_in_memory(self):
        """All records as a tensor; read once for all pipelines."""
        return memory.load_records(self)

    def name_of(self, index):
        """What messages and lists call the image at a place."""
        if self.paths:
            return self.paths[index]
        return f"{self.word} {index} of {self.name}"

    def names(self):
        """What messages and lists call the images, a list of str."""
        return [self.name_of(index) for index in range(self.num_images)]

    def identity(self):
        """What a list of its bad images belongs to, as hexadecimal digits."""
        names = self.paths or [f"{self.name} {self.num_images}"]
        return hashlib.sha256(b"\0".join(map(os.fsencode, names))).hexdigest()

    def understood(self):
        """What was found where, a list of lines for the user."""
        lines = [listing.counted(self.num_images, self.word)]
        if self.class_names:
            lines.append(listing.counted(len(self.class_names), "class", "classes"))
        return lines

    def without(self, names):
        """The source without the images of some names; itself where it has none."""
        del names
        return self

    def only(self, kept):
        """The source of some of its images.

        Args:
            kept: bool array, one for each image; at least one is true.
        """
        raise NotImplementedError

    def labels(self):
        """The label of each image, an int64 array; no image is decoded.

        Of `labelled()`: an image without a label has a negative one here.
        """
        labels = self.records(labels=True).map(lambda _, label: label)
        return np.fromiter(labels.as_numpy_iterator(), np.int64, self.num_images)

    def damage(self, error):
        """What is wrong with the files behind the records, or None.

        Args:
            error: `tf.errors.OpError` that reading them ended with.

        Returns:
            `InputError` that names the file, or None where they have no part in it.
        """
        del error
        return None

    def converting(self, names):
        """The source that reads some of its files converted, however they look."""
        del names
        return self

    def repaired(self, index):
        """Whether an image that is not decoded is, once its file is converted."""
        del index
        return False

    def labelled(self):
        """The source without the images that have no label."""
        return self

    def with_levels(self, levels):
        """The source whose samples of 16 bits are decoded between two levels."""
        if self.decoder is None or self.decoder.levels == levels:
            return self
        return self._changed(
            decoder=dataclasses.replace(self.decoder, levels=levels), keep=_FROM_HEADERS
        )

    def _changed(self, keep=(), **attributes):
        """A copy with other attributes; what was computed of the old is computed anew.

        Args:
            keep: names of what stays as it was computed.
        """
        changed = copy.copy(self)
        for name in list(vars(changed)):
            computed = isinstance(
                getattr(type(self), name, None), functools.cached_property
            )
            if computed and name not in keep:
                del changed.__dict__[name]
        vars(changed).update(attributes)
        return changed

    def contents(self, record):
        """The encoded bytes behind a record, in the graph."""
        raise NotImplementedError

    def label(self, record):
        """What error messages call a record that is encoded, in the graph."""
        raise NotImplementedError

    def decode(self, record):
        """The image behind a record, in the graph."""
        if self.decoder is None:
            return record
        return self.decoder.decode(self.contents(record), self.label(record))

    def is_usable(self, record):
        """Whether what is behind a record is decoded and says anything, in the graph.

        It raises what `decode` raises.
        """
        return tf.size(self.decode(record)) > 0

    def dataset(self, labels=False):
        """Data set of decoded images, or of (image, label), in their fixed order.

        With labels, of the images that have one.
        """
        if labels and not self.has_labels:
            raise InputError(self.no_labels)
        if labels and self.labelled() is not self:
            return self.labelled().dataset(labels)

        def decode(record, *label):
            return (self.decode(record), *label) if label else self.decode(record)

        records = self.records(labels)
        return SourceDataset(
            self,
            records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).apply(
                tf.data.experimental.assert_cardinality(self.num_images)
            ),
        )


class SourceDataset(tf.data.Dataset):
    """A `tf.data.Dataset` that knows its source, so that pipelines can seek in it."""

    def __init__(self, source, dataset):
        self.source = source
        self._dataset = dataset
        super().__init__(dataset._variant_tensor)

    def _inputs(self):
        return [self._dataset]

    @property
    def element_spec(self):
        return self._dataset.element_spec

    def __iter__(self):
        iterator = super().__iter__()
        return _ExplainingIterator(self, iterator) if self.source.decoder else iterator


class _ExplainingIterator:
    """Names the file that cannot be read where a loop meets it."""

    def __init__(self, dataset, iterator):
        self._dataset = dataset
        self._iterator = iterator

    def __iter__(self):
        return self

    def __next__(self):
        with explain_read_errors(self._dataset):
            return next(self._iterator)

    def __getattr__(self, name):
        return getattr(self._iterator, name)


class DatasetSource(Source):
    """Any data set of images or (image, label, ...) tuples that a user brings."""

    name = "the data set"

    def __init__(self, dataset):
        self.num_images = _known_cardinality(dataset)
        self._dataset = dataset
        spec = dataset.element_spec
        self._is_tuple = isinstance(spec, tuple)
        spec = spec[0] if self._is_tuple else spec
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
            raise ValueError(
                "`images` must be an unbatched data set of images. Expected elements "
                "of shape (height, width, channels). Received: "
                f"element_spec={dataset.element_spec}"
            )
        self.image_shape = tuple(spec.shape)
        self.dtype = spec.dtype

    def records(self, labels=False):
        if labels:
            return self._dataset
        if self._is_tuple:
            return self._dataset.map(lambda image, *_: image)
        return self._dataset


def as_source(images):
    """The source of what `kt.data.load` returned, or of any data set of images."""
    if isinstance(images, SourceDataset):
        return images.source
    if isinstance(images, tf.data.Dataset):
        return DatasetSource(images)
    raise ValueError(
        "`images` must be a data set of images. Expected a tf.data.Dataset. "
        f"Received: images={images!r} (of type {type(images)})"
    )


def _known_cardinality(dataset):
    cardinality = int(dataset.cardinality())
    if cardinality < 0:
        raise ValueError(
            "The number of images must be known. Expected a finite data set; "
            "`.apply(tf.data.experimental.assert_cardinality(n))` states the size of "
            f"one. Received: cardinality={cardinality}"
        )
    return cardinality
