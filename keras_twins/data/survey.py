"""Which files of a folder are images that can be read."""

import hashlib
import os
from collections.abc import Iterator, Sequence

import tensorflow as tf

from keras_twins.decode.images import ImageDecoder

_BATCH = 256


def unreadable(paths: Sequence[str]) -> Iterator[tuple[int, str | None]]:
    """Decodes every file, as a training would.

    Args:
        paths: list of str.

    Yields:
        `(checked, path)` of each file that cannot be read, in their order; `checked`
        is how many files were looked at so far. A last `(len(paths), None)`.
    """
    dataset = (
        tf.data.Dataset.from_tensor_slices(file_names(paths))
        .enumerate()
        .map(_index_and_size, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .ignore_errors()
        .batch(_BATCH)
        .prefetch(1)
    )
    checked = 0
    for indices, _ in dataset.as_numpy_iterator():
        # The indices of the images that were decoded: those between them were not.
        for index in indices:
            for missing in range(checked, index):
                yield missing + 1, paths[missing]
            checked = index + 1
    for missing in range(checked, len(paths)):
        yield missing + 1, paths[missing]
    yield len(paths), None


def file_names(paths):
    """Names of files as TensorFlow takes them: bytes, which need not be UTF-8."""
    return tf.constant([os.fsencode(path) for path in paths], tf.string)


def fingerprint(paths):
    """SHA-256 of names of files, in their order, as hexadecimal digits."""
    return hashlib.sha256(b"\0".join(map(os.fsencode, paths))).hexdigest()


def _index_and_size(index, path):
    # The size is asked for because a decoder whose answer nobody needs does not run.
    return index, tf.size(ImageDecoder().read(path))
