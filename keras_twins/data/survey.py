"""Which images of a collection can be decoded, and what levels the deep ones have."""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_twins.data.explain import explain_read_errors, reason_of_bytes
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder

_BATCH = 256
# Images of 16 bits whose samples are counted, and the share of the samples at each end
# that is left out: single hot or dead pixels say nothing about a collection.
_DEEP_IMAGES = 1000
_OUTSIDE = 0.001
_DEEPEST = 2**16 - 1


def unreadable(paths: Sequence[str]) -> Iterator[tuple[int, str | None]]:
    """Decodes every file, as a training would.

    Args:
        paths: list of str.

    Yields:
        `(checked, path)` of each file that cannot be read, in their order; `checked`
        is how many files were looked at so far. A last `(len(paths), None)`.
    """
    records = tf.data.Dataset.from_tensor_slices(file_names(paths))
    decoder = ImageDecoder()
    read = _missing(records, lambda path: tf.size(decoder.read(path)) > 0, len(paths))
    for checked, index in read:
        if index is not None:
            yield checked, paths[index]
    yield len(paths), None


def undecodable(source):
    """Decodes every image of a source, as a training would.

    Args:
        source: `keras_twins.data.sources.Source`.

    Yields:
        `(checked, index)`: now and then with None, and with the place of each image
        that cannot be decoded or used, in their order. `checked` is how many were
        looked at.

    Raises:
        InputError: where the collection itself is damaged.
    """
    with explain_read_errors(source.dataset()):
        yield from _missing(source.records(), source.is_usable, source.num_images)


def reasons(source, indices):
    """Why images cannot be decoded.

    Args:
        source: `keras_twins.data.sources.Source`.
        indices: list of int, places of such images, in their order.

    Returns:
        list of str, lines that follow a name.

    Raises:
        InputError: where the collection itself is damaged.
    """
    if not indices:
        return []
    if source.paths is not None:
        return [source.reason_of(index) or _FLEETING for index in indices]
    wanted = tf.constant(indices, tf.int64)
    records = (
        source.records()
        .enumerate()
        .take(indices[-1] + 1)
        .filter(lambda index, _: tf.reduce_any(index == wanted))
        .map(lambda _, record: source.contents(record))
    )
    with explain_read_errors(source.dataset()):
        return [reason_of_bytes(source.decoder, c) or _FLEETING for c in records]


def levels(source):
    """The range of the 16-bit samples of a collection, where it uses a part of it.

    Args:
        source: `keras_twins.data.sources.Source`.

    Returns:
        `(images, low, high)`: how many images of 16 bits were looked at, and the levels
        that all but a thousandth of their samples at each end lie between. None
        without such images.
    """
    counts = np.zeros(_DEEPEST + 1, np.int64)
    images = 0
    for contents in _deep_contents(source):
        samples = tf.io.decode_png(contents, dtype=tf.uint16).numpy()
        counts += np.bincount(samples.ravel(), minlength=len(counts))
        images += 1
    if not images:
        return None
    shares = np.cumsum(counts) / counts.sum()
    low = int(np.searchsorted(shares, _OUTSIDE, "right"))
    high = int(np.searchsorted(shares, 1 - _OUTSIDE))
    return images, low, high


def file_names(paths):
    """Names of files as TensorFlow takes them: bytes, which need not be UTF-8."""
    return tf.constant([os.fsencode(path) for path in paths], tf.string)


def _missing(records, is_usable, count):
    """`(checked, index)` of what is not usable, with None now and then between."""

    def decoded(indices, some):
        # It is asked for: a decoder whose answer nobody needs does not run.
        usable = tf.data.Dataset.from_tensor_slices((indices, some)).map(
            lambda index, record: (index, is_usable(record)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return usable.ignore_errors().filter(lambda _, usable: usable)

    # Errors of reading the records are not ignored: a file of many that is cut off
    # would be read again and again.
    dataset = records.enumerate().batch(_BATCH).flat_map(decoded)
    dataset = dataset.batch(_BATCH).prefetch(1)
    checked = 0
    for indices, _ in dataset.as_numpy_iterator():
        # The indices of the images that were decoded: those between them were not.
        for index in indices:
            for missing in range(checked, index):
                yield missing + 1, missing
            checked = int(index) + 1
        yield checked, None
    for missing in range(checked, count):
        yield missing + 1, missing


def _deep_contents(source):
    """The bytes of images of 16 bits, not of all where there are many."""
    if source.paths is not None:
        deep = source.deep[:: -(-len(source.deep) // _DEEP_IMAGES) or 1]
        paths = file_names([source.read_paths[index] for index in deep])
        records = tf.data.Dataset.from_tensor_slices(paths)
    else:
        # All of it would have to be read for images at even distances.
        records = source.records().take(_DEEP_IMAGES)
    contents = records.map(source.contents, num_parallel_calls=tf.data.AUTOTUNE)
    for some in contents.as_numpy_iterator():
        if host.is_16_bit(some[: host.HEAD_BYTES]):
            yield some


# What fails in a batch and not alone, such as a file on a disk that answers again.
_FLEETING = "could not be decoded a moment ago"
