"""The images that a run is looked at with: its test set, where it has one."""

import dataclasses
from typing import Any

from keras_twins.errors import InputError


@dataclasses.dataclass(frozen=True)
class Images:
    """Some part of a run's data set.

    Attributes:
        split: str, which part.
        batches: batched `tf.data.Dataset` of pixels in 0..255, or of (pixels, labels).
        labelled: bool.
        class_names: tuple of str, or None.
        paths: list of file names, or None where the images are no files.
    """

    split: str
    batches: Any
    labelled: bool
    class_names: tuple[str, ...] | None
    paths: list[str] | None


def test_images(config):
    """The test images of a configuration.

    Without a test split, as many training images as evaluation takes while training.

    Raises:
        InputError: if the data set cannot be opened.
    """
    try:
        return open_images(config, config.test_split)
    except InputError:
        return open_images(config, config.train_split, config.evaluation.bank_images)


def open_images(config, split, limit=None):
    """Opens a split for embedding, with its labels where it has them.

    Args:
        config: `ConfigDict` of a run.
        split: str.
        limit: int, how many images at most; None for all. Files, which a folder has
            sorted by class, are taken at even distances; others from the beginning,
            since nothing else can be read without reading all.

    Raises:
        InputError: if the data set cannot be opened.
    """
    from keras_twins import experiment

    facts = experiment.describe(config, split)
    source = experiment.load(config, split).source
    stride = 1
    if limit is not None and source.paths is not None:
        stride = -(-source.num_images // limit)
    images = _every(source, stride)
    if limit is not None:
        images = images.take(limit)
    return Images(
        split=split,
        batches=experiment.evaluation_batches(config, images),
        labelled=source.has_labels,
        class_names=facts.class_names,
        paths=source.paths[::stride] if source.paths is not None else None,
    )


def _every(source, stride):
    """Every so many-th image of a source, with its label where it has one."""
    from keras_twins.data.sources import SourceDataset

    def decode(record, *label):
        return (source.decode(record), *label) if label else source.decode(record)

    records = source.records(source.has_labels).shard(stride, 0)
    return SourceDataset(source, records.map(decode))


def snapshot_pairs(config, count=1024):
    """Pairs of views of the first training images, the same ones each time.

    Args:
        config: `ConfigDict` of a run.
        count: int, how many images at most.

    Returns:
        batched `tf.data.Dataset` of `(view_a, view_b)`.
    """
    from keras_twins import data, experiment

    images = experiment.load(config, config.train_split).take(count)
    size = int(images.cardinality())
    layer = experiment.views(config, config.views.image_size)
    batch_size = min(64, size)
    # Epoch 0 alone, whose last batch may be a small one.
    return data.two_view_pipeline(
        images, layer, batch_size, start=(0, 0), drop_remainder=False, cache=False
    ).take(-(-size // batch_size))
