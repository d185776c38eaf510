"""Embeddings of a data set."""

import os
import pathlib

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from keras_twins.errors import InputError

_BATCH_SIZE = 256


def embed(encoder, dataset, *, verbose=0, output=None):
    """Embeds every image of a data set, in its order.

    A Keras model is compiled once and runs in inference mode; inside the scope of a
    `tf.distribute` strategy, the replicas share each batch. Any other callable is
    called as it is.

    Args:
        encoder: `keras.Model` or callable from a float32 batch of images to embeddings
            `(batch_size, D)`. It gets pixels as the dataset has them: normalisation is
            a part of the encoder, or of the dataset. A `Twins` gives the embeddings of
            its encoder.
        dataset: finite `tf.data.Dataset` of images or `(images, labels)`: batches
            `(batch_size, height, width, channels)`, or single images of one size.
        verbose: 0 or 1, whether to show a progress bar.
        output: path of a `.npy` file to write the features to, where they may be larger
            than memory; labels go beside it, to `<name>.labels.npy`. Defaults to None:
            features are kept in memory.

    Returns:
        features, `(N, D)` float32, mapped from the file if there is an `output`; and
        labels, `(N,)` int64, or None where the dataset has none.

    Raises:
        InputError: for a dataset without images, or single images of differing sizes.
        ValueError: for a dataset or encoder of another kind.
    """
    batches, labelled = _batches(dataset)
    run = _compiled(encoder) if isinstance(encoder, keras.Layer) else encoder
    features = _Array() if output is None else _NpyFile(output)
    labels = _Array() if labelled else None
    with features:
        for batch in _progress(batches, verbose):
            images, batch_labels = batch if labelled else (batch, None)
            images = tf.cast(images, tf.float32)
            features.append(_checked(run(images), len(images)))
            if labelled:
                labels.append(batch_labels.numpy().astype(np.int64))
        features = features.finish()
    labels = labels.finish() if labelled else None
    if output is not None and labelled:
        np.save(pathlib.Path(output).with_suffix(".labels.npy"), labels)
    return features, labels


def _batches(dataset):
    """The dataset in batches, and whether it has labels."""
    spec = getattr(dataset, "element_spec", None)
    labelled = isinstance(spec, tuple) and len(spec) == 2
    images, labels = spec if labelled else (spec, None)
    rank = getattr(getattr(images, "shape", None), "rank", None)
    scalar_labels = labels is None or (
        labels.shape.rank == (rank or 0) - 3 and labels.dtype.is_integer
    )
    if rank not in (3, 4) or not scalar_labels:
        raise ValueError(
            "This dataset cannot be embedded. Expected a `tf.data.Dataset` of images "
            "or `(images, labels)`, with images of rank 3, or 4 in batches, and one "
            f"integer label an image. Received: {spec if spec is not None else dataset}"
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "This dataset never ends. Expected each image once: embed it before "
            "`repeat`. Received: a dataset of infinite cardinality"
        )
    return (dataset.batch(_BATCH_SIZE) if rank == 3 else dataset), labelled


def _progress(batches, verbose):
    """Iterates over batches, with a progress bar."""
    total = int(batches.cardinality())
    bar = tqdm(
        batches.prefetch(tf.data.AUTOTUNE),
        desc="embedding",
        total=total if total >= 0 else None,
        unit="batch",
        disable=not verbose,
    )
    try:
        yield from bar
    except tf.errors.InvalidArgumentError as error:
        if "Cannot batch tensors with different shapes" not in error.message:
            raise
        raise InputError(
            "The images differ in size. Expected one size: make the batches with "
            "`kt.data.evaluation_pipeline`, which resizes and crops. "
            f"Received: {error.message.splitlines()[0]}"
        ) from None


def _compiled(encoder):
    """The encoder in inference mode, traced once for all batches of a dataset.

    Each batch is filled up to the size of the first one, or to a multiple of the
    replicas, so that a smaller last batch is neither traced again nor divided unevenly.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    filled_size = 0

    @tf.function(reduce_retracing=True)
    def step(images):
        return strategy.run(lambda x: encoder(x, training=False), args=(images,))

    def run(images):
        nonlocal filled_size
        count = len(images)
        filled_size = max(filled_size, -(-count // replicas) * replicas)
        images = tf.pad(images, [[0, filled_size - count], [0, 0], [0, 0], [0, 0]])
        shards = tf.split(images, replicas)
        outputs = step(
            strategy.experimental_distribute_values_from_function(
                lambda context: shards[context.replica_id_in_sync_group]
            )
        )
        return tf.concat(strategy.experimental_local_results(outputs), 0)[:count]

    return run


def _checked(embeddings, count):
    """Embeddings as a float32 array, or what is wrong with them."""
    if hasattr(embeddings, "dtype") and hasattr(embeddings, "numpy"):
        embeddings = tf.cast(embeddings, tf.float32)
    embeddings = np.asarray(embeddings, np.float32)
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise ValueError(
            "The encoder must give one flat embedding an image. Expected an output of "
            f"shape ({count}, D). Received: shape={embeddings.shape}"
        )
    return embeddings


class _Array:
    """Rows in memory, in one array that grows where it lies."""

    def __init__(self):
        self._array = None
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def append(self, rows):
        if self._array is None:
            self._array = np.empty((0, *rows.shape[1:]), rows.dtype)
        stop = self._count + len(rows)
        if stop > len(self._array):
            self._resize(max(stop, len(self._array) * 3 // 2))
        self._array[self._count : stop] = rows
        self._count = stop

    def finish(self):
        if self._count == 0:
            raise InputError(_EMPTY)
        self._resize(self._count)
        return self._array

    def _resize(self, count):
        # Nothing else refers to the array before `finish` has returned it.
        self._array.resize((count, *self._array.shape[1:]), refcheck=False)


class _NpyFile:
    """Rows in a `.npy` file, which has its name only when it is complete."""

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._count = 0
        self._width = None

    def __enter__(self):
        self._file = open(self._partial, "wb")
        return self

    def __exit__(self, *error):
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def append(self, rows):
        if self._width is None:
            self._width = rows.shape[1]
            self._write_header()
        rows.tofile(self._file)
        self._count += len(rows)

    def finish(self):
        if self._count == 0:
            raise InputError(_EMPTY)
        self._file.seek(0)
        self._write_header()
        self._file.close()
        os.replace(self._partial, self._path)
        return np.load(self._path, mmap_mode="r")

    def _write_header(self):
        # NumPy pads the header so that a longer first axis does not make it longer.
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
            "fortran_order": False,
            "shape": (self._count, self._width),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


_EMPTY = "There is nothing to embed. Expected at least one image. Received: none"
