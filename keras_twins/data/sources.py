"""What the pipelines read: where the images are, and how one of them is decoded."""

import dataclasses
import functools

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.data import memory
from keras_twins.data.explain import explain_read_errors
from keras_twins.decode.base import Decoder
from keras_twins.errors import InputError


class Source:
    """A fixed, ordered collection of images.

    Its records are what is cheap to shuffle: file names, encoded bytes or, where
    nothing cheaper exists, images. `decode` makes an image of a record, in the graph.

    Attributes:
        name: what the user called it.
        num_images: number of images.
        image_shape: `(height, width, channels)`; None where the sizes differ.
        dtype: the dtype of a decoded image.
        class_names: tuple of strings, or None where there are no named classes.
        has_labels: whether `records(labels=True)` exists.
        no_labels: why it does not, in words; None where it does.
        paths: list of file names where the records are files, else None.
        decoder: `Decoder` where encoded bytes are behind a
            record, which has `contents` and a `label` then; None where a record is an
            image.
        encoded_bytes: size of all encoded records where they must be read in order.
    """

    dtype = tf.uint8
    class_names = None
    has_labels = False
    paths = None
    decoder: Decoder | None = None
    encoded_bytes = None

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

    def without(self, paths):
        """The source without some files; itself where its records are not files."""
        del paths
        return self

    def damage(self, error):
        """What is wrong with the files behind the records, or None.

        Args:
            error: `tf.errors.OpError` that reading them ended with.

        Returns:
            `InputError` that names the file, or None where they have no part in it.
        """
        del error
        return None

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

    def dataset(self, labels=False):
        """Data set of decoded images, or of (image, label), in their fixed order."""
        if labels and not self.has_labels:
            raise InputError(self.no_labels)

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


class ArraySource(Source):
    """Images in memory: uint8 `(num_images, height, width, 3)`."""

    def __init__(self, name, images, labels=None, class_names=None):
        self.name = name
        self.num_images = len(images)
        self.image_shape = images.shape[1:]
        self.class_names = class_names
        self.has_labels = labels is not None
        self._labels = labels
        self.images_in_memory = memory.as_tensor(images)

    def records(self, labels=False):
        images = tf.data.Dataset.from_tensor_slices(self.images_in_memory)
        if not labels:
            return images
        return tf.data.Dataset.zip(
            images, tf.data.Dataset.from_tensor_slices(self._labels)
        )


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


@dataclasses.dataclass(frozen=True)
class Description:
    """What a collection of images holds.

    Attributes:
        name: the name it was opened by.
        split: the part that was opened.
        num_images: number of images.
        image_shape: `(height, width, 3)`; None where the sizes differ.
        class_names: tuple of strings, or None where there are no named classes.
    """

    name: str
    split: str
    num_images: int
    image_shape: tuple[int | None, int | None, int]
    class_names: tuple[str, ...] | None


def from_arrays(
    images: npt.ArrayLike, labels: npt.ArrayLike | None = None
) -> tf.data.Dataset:
    """Makes a data set of images out of NumPy arrays.

    Args:
        images: array of shape `(num_images, height, width, channels)` or, for grey
            images, `(num_images, height, width)`; 1, 3 or 4 channels (alpha is
            dropped); uint8, or floats in 0..255. Copied.
        labels: integer array of shape `(num_images,)`, or None.

    Returns:
        `tf.data.Dataset` of uint8 images of shape `(height, width, 3)`, or of
        (image, int64 label) where labels are given.

    Raises:
        ValueError: if shapes, dtypes or the range of values are others.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> images = kt.data.from_arrays(np.zeros((10, 28, 28), np.uint8))
        >>> len(images), images.element_spec.shape
        (10, TensorShape([28, 28, 3]))
    """
    images = _rgb_array(images)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"`labels` must hold one integer an image. Expected an integer array "
                f"of shape {images.shape[:1]}. Received: labels of shape "
                f"{labels.shape} and dtype {labels.dtype}"
            )
        labels = labels.astype(np.int64)
    source = ArraySource("the arrays", images, labels)
    return source.dataset(labels=labels is not None)


def _rgb_array(images):
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.size:
        raise ValueError(
            "`images` has the wrong shape. Expected (num_images, height, width, "
            "channels) with 1, 3 or 4 channels, or (num_images, height, width). "
            f"Received: images.shape={images.shape}"
        )
    if images.dtype.kind == "f":
        low, high = images.min(), images.max()
        # Values up to 1 are most likely scaled to 0..1, and nobody can be sure.
        if not (low >= 0 and high <= 255) or 0 < high <= 1:
            raise ValueError(
                "`images` holds floats outside the expected range. Expected values "
                "in 0..255 (multiply images in 0..1 by 255). Received: values in "
                f"{low}..{high}"
            )
        images = np.rint(images).astype(np.uint8)
    elif images.dtype != np.uint8:
        raise ValueError(
            "`images` has the wrong dtype. Expected uint8, or floats in 0..255. "
            f"Received: images.dtype={images.dtype}"
        )
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    return images[..., :3]


def _known_cardinality(dataset):
    cardinality = int(dataset.cardinality())
    if cardinality < 0:
        raise ValueError(
            "The number of images must be known. Expected a finite data set; "
            "`.apply(tf.data.experimental.assert_cardinality(n))` states the size of "
            f"one. Received: cardinality={cardinality}"
        )
    return cardinality
