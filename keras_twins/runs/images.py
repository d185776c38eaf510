"""The images or recordings that a run is looked at with: its test set, where it has."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_twins import data, evaluation, pictures, spectrograms
from keras_twins.data.log_mels import whole_batches
from keras_twins.data.sources import SourceDataset
from keras_twins.runs import of_sounds, parts

_BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True)
class Images:
    """Some part of a run's data set.

    Attributes:
        split: str, which part.
        batches: batched `tf.data.Dataset` of pixels in 0..255, or of (pixels, labels);
            of recordings, of whole log-mels, the shortest first.
        labelled: bool.
        class_names: tuple of str, or None.
        paths: list of file names, in the order of the batches, or None where the images
            are no files.
        draw: function of an image or log-mel and a side in pixels: a square PIL image.
        word: str, what one of them is called.
    """

    split: str
    batches: Any
    labelled: bool
    class_names: tuple[str, ...] | None
    paths: list[str] | None
    draw: Callable = pictures.thumbnail
    word: str = "image"


def test_images(run, limit=None):
    """The test images of a run.

    Without a test split, training images, as many as evaluation takes while training.

    Args:
        run: `Run`.
        limit: int, how many images at most; None for all test images.

    Raises:
        InputError: if the data set cannot be opened.
    """
    if run.has_split(run.config.test_split):
        return open_images(run, run.config.test_split, limit)
    limit = limit or run.config.evaluation.bank_images
    return open_images(run, run.config.train_split, limit)


def open_images(run, split, limit=None):
    """Opens a split for embedding, with its labels where it has them.

    Args:
        run: `Run`.
        split: str.
        limit: int, how many images at most; None for all. Files, which a folder has
            sorted by class, are taken at even distances; others from the beginning,
            since nothing else can be read without reading all.

    Raises:
        InputError: if the data set cannot be opened.
    """
    return open_source(run, run.source(split), split, limit)


def open_source(run, source, split, limit=None):
    """The same of a source that is open already; `split` says what it is a part of."""
    if source.has_labels:
        source = source.labelled()
    stride = 1
    if limit is not None and source.paths is not None:
        stride = -(-source.num_images // limit)
    if of_sounds.is_it(run.config):
        return _of_recordings(source, split, stride)
    images = _every(source, stride)
    if limit is not None:
        images = images.take(limit)
    return Images(
        split=split,
        batches=evaluation_batches(run, images),
        labelled=source.has_labels,
        class_names=source.class_names,
        paths=source.paths[::stride] if source.paths is not None else None,
    )


def _of_recordings(source, split, stride):
    source = source.at(range(0, source.num_images, stride)).by_length()
    return Images(
        split=split,
        batches=whole_batches(source, _BATCH_SIZE, labels=source.has_labels),
        labelled=source.has_labels,
        class_names=source.class_names,
        paths=source.paths,
        draw=spectrograms.thumbnail,
        word=source.word,
    )


def embeddings(sources, encoder, verbose=0):
    """The embeddings of all recordings of some sources, in their order.

    Args:
        sources: list of `Source` of log-mels.
        encoder: as of `kt.evaluation.embed`.
        verbose: 0 or 1, whether to show a progress bar.

    Returns:
        `(N, D)` float32 array.
    """
    found = []
    for source in sources:
        with data.explain_read_errors(source.dataset()):
            batches = whole_batches(source, _BATCH_SIZE)
            found.append(evaluation.embed(encoder, batches, verbose=verbose)[0])
    return np.concatenate(found)


def whole_source(run, source):
    """Batches of all that a source holds, in its order, as the run's encoder takes it.

    Args:
        run: `Run`.
        source: `Source` of a split, of log-mels for a run of recordings.
    """
    if of_sounds.is_it(run.config):
        return whole_batches(source, _BATCH_SIZE)
    return evaluation_batches(run, source.dataset())


def evaluation_batches(run, images, batch_size=_BATCH_SIZE):
    """Batches of pixels in 0..255, with labels where there are, in order."""
    return data.evaluation_pipeline(
        images,
        run.config.evaluation.image_size,
        batch_size,
        resize=run.config.evaluation.resize,
    )


def _every(source, stride):
    """Every so many-th image of a source, with its label where it has one."""

    def decode(record, *label):
        return (source.decode(record), *label) if label else source.decode(record)

    records = source.records(source.has_labels).shard(stride, 0)
    return SourceDataset(source, records.map(decode))


def snapshot_pairs(run, count=1024):
    """Pairs of views of the first training images, the same ones each time.

    Args:
        run: `Run`.
        count: int, how many images at most.

    Returns:
        batched `tf.data.Dataset` of `(view_a, view_b)` and further views.
    """
    source = run.train_source
    size = min(count, source.num_images)
    if of_sounds.is_it(run.config):
        images = source.at(range(size)).dataset()  # Views mix two that are at hand.
    else:
        images = source.dataset().take(size)
    batch_size = min(64, size)
    # Epoch 0 alone, whose last batch may be a small one.
    return data.two_view_pipeline(
        images,
        parts.views(run.config),
        batch_size,
        start=(0, 0),
        drop_remainder=False,
        cache=False,
    ).take(-(-size // batch_size))
