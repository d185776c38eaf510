"""Embeddings of a data set."""

import os
import pathlib
from collections.abc import Callable
from typing import TypeAlias, overload

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins import progress
from keras_twins.collection import files
from keras_twins.errors import InputError
from keras_twins.evaluation.growing import GrowingArray
from keras_twins.export.loading import load_function
from keras_twins.export.signatures import EMBED_IMAGES, IMAGES
from keras_twins.export.versions import newest_version
from keras_twins.types import StrPath, Tensor

Encoder: TypeAlias = keras.Model | Callable[[tf.Tensor], Tensor] | StrPath

_BATCH_SIZE = 256


@overload
def embed(
    encoder: Encoder,
    dataset: tf.data.Dataset,
    *,
    verbose: int = 0,
    output: None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64] | None]: ...


@overload
def embed(
    encoder: Encoder,
    dataset: tf.data.Dataset,
    *,
    verbose: int = 0,
    output: StrPath,
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.int64] | None]: ...


def embed(
    encoder: Encoder,
    dataset: tf.data.Dataset,
    *,
    verbose: int = 0,
    output: StrPath | None = None,
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.int64] | None]:
    """Embeds every image of a data set, in its order.

    A Keras model is compiled once and runs in inference mode; inside the scope of a
    `tf.distribute` strategy, the replicas share each batch. Any other callable is
    called as it is.

    Args:
        encoder: `keras.Model` or callable from a float32 batch of images to embeddings
            `(batch_size, D)`, or the path of an exported model's folder, whose newest
            version is taken. It gets pixels as the dataset has them: normalisation is
            a part of the encoder, or of the dataset. A `Twins` gives the embeddings of
            its encoder.
        dataset: finite `tf.data.Dataset` of images or `(images, labels)`: batches
            `(batch_size, height, width, channels)`, or single images of one size.
        verbose: 0 or 1, whether to show a progress bar.
        output: path of a file to write features and labels to, where they may be larger
            than memory: `.npy`, `.npz` or `.parquet`, as `kt.collection.write` writes
            them. Defaults to None: features are kept in memory.

    Returns:
        features, `(N, D)` float32, mapped from a `.npy` file, None where they went to
        another file; and labels, `(N,)` int64, or None where the dataset has none.

    Raises:
        InputError: for a dataset without images, single images of differing sizes, a
            folder without an exported model, or an output that cannot be written.
        ValueError: for a dataset or encoder of another kind.

    Examples:
        >>> import keras_twins as kt
        >>> digits = kt.data.load("digits", "test", labels=True)
        >>> features, labels = kt.evaluation.embed(kt.evaluation.raw_pixels, digits)
        >>> features.shape, labels.shape  # 8 · 8 · 3
        ((360, 192), (360,))
    """
    batches, labelled = _batches(dataset)
    if isinstance(encoder, str | os.PathLike):
        encoder = _exported(encoder)
    run = _compiled(encoder) if isinstance(encoder, keras.Layer) else encoder
    embedded = _embedded(run, _progress(batches, verbose), labelled)
    if output is None:
        return _in_memory(embedded)
    return _in_file(embedded, pathlib.Path(output))


def _embedded(run, batches, labelled):
    """Yields the embeddings of each batch, and its labels or None."""
    for batch in batches:
        images = tf.cast(batch[0] if labelled else batch, tf.float32)
        labels = batch[1].numpy().astype(np.int64) if labelled else None
        yield _checked(run(images), len(images)), labels


def _in_memory(embedded):
    features, labels = GrowingArray(), GrowingArray()
    for rows, found in embedded:
        features.append(rows)
        if found is not None:
            labels.append(found)
    if features.count == 0:
        raise InputError(
            "There is nothing to embed. Expected at least one image. Received: none"
        )
    return features.finish(), labels.finish() if labels.count else None


def _in_file(embedded, path):
    labels = GrowingArray()
    with files.writer(path) as file:
        for rows, found in embedded:
            file.append(rows, labels=found)
            if found is not None:
                labels.append(found)
    features = files.read(path).embeddings if path.suffix == ".npy" else None
    return features, labels.finish() if labels.count else None


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
    total = total if total >= 0 else None
    try:
        with progress.bar("embedding", total, "batches", shown=bool(verbose)) as bar:
            for batch in batches.prefetch(tf.data.AUTOTUNE):
                yield batch
                bar.update()
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
    An encoder of any length or size is traced for all batches, and costs what they
    hold.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    signature = _signature(encoder)
    filled_size = 0

    @tf.function(reduce_retracing=True, input_signature=signature)
    def step(images):
        return strategy.run(lambda x: encoder(x, training=False), args=(images,))

    def run(images):
        nonlocal filled_size
        count = len(images)
        least = -(-count // replicas) * replicas
        filled_size = max(filled_size, least) if signature is None else least
        images = tf.pad(images, [[0, filled_size - count], [0, 0], [0, 0], [0, 0]])
        shards = tf.split(images, replicas)
        outputs = step(
            strategy.experimental_distribute_values_from_function(
                lambda context: shards[context.replica_id_in_sync_group]
            )
        )
        return tf.concat(strategy.experimental_local_results(outputs), 0)[:count]

    return run


def _signature(encoder):
    """What an encoder of any length or size takes; None for one of another kind."""
    shape = getattr(encoder, "input_shape", None)
    if not isinstance(shape, tuple) or None not in shape[1:]:
        return None
    return [tf.TensorSpec(shape, tf.float32)]


def _exported(folder):
    """The function of an exported model that takes pixels."""
    function = load_function(newest_version(folder), EMBED_IMAGES, IMAGES)

    def run(images):
        return function(
            tf.cast(tf.round(tf.clip_by_value(images, 0.0, 255.0)), tf.uint8)
        )

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
