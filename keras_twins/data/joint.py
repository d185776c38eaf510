"""Batches of view pairs with labels, of a collection of which few images have one."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_twins.data import pipeline
from keras_twins.data.order import Order, make_order
from keras_twins.data.sources import as_source
from keras_twins.errors import InputError

if TYPE_CHECKING:
    from keras_twins.augment import TwoViews

# Epochs are drawn below this number: labelled rows have keys, and views, of their own.
_EPOCHS = 2**33


def joint_pipeline(
    images: tf.data.Dataset,
    labels: npt.ArrayLike,
    views: "TwoViews | None",
    batch_size: int,
    labelled_rows: int,
    seed: int = 0,
) -> tf.data.Dataset:
    """Makes batches with labels, as `kt.models.JointTwins` takes them.

    The first `labelled_rows` rows of a batch come from the images that have a label,
    the others from all images. Both parts go through permutations of their images, one
    after the other; what does not fill the last batch of a permutation is left out. An
    epoch is one pass of the other rows through the collection. As in
    `two_view_pipeline`, the order follows from `seed`, and the views from `views.seed`
    and the place of an image.

    With fewer labelled images than `labelled_rows`, a batch shows some of them several
    times, with other views each time. The shape of a batch is thus the same whatever
    the number of labels.

    Args:
        images: as of `two_view_pipeline`; they must fit in memory, or be files.
        labels: integer array of shape `(num_images,)`, in the order of `images`; -1
            for an image without a label.
        views: a `kt.augment.TwoViews`; or None for a model that makes the views itself,
            which takes images of one size.
        batch_size: int, rows of a batch.
        labelled_rows: int, at least 1 and below `batch_size`.
        seed: integer that the order of the images comes from.

    Returns:
        `tf.data.Dataset` of `((view_a, view_b), labels)`: two float32 tensors
        `(batch_size, height, width, channels)` and an int64 one `(batch_size,)`. With
        `views=None`, of `(images, labels)`, where images have the dtype of `images`.

    Raises:
        InputError: for labels of another number, no labelled image, `labelled_rows`
            outside its range, too few images, or images that can only be read in order.
        ValueError: for images of different sizes without views.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> labels = np.full(1437, -1)
        >>> labels[[3, 14, 159]] = 7, 2, 5
        >>> views = kt.augment.TwoViews("digits", seed=0)
        >>> images = kt.data.load("digits")
        >>> batches = kt.data.joint_pipeline(images, labels, views, 64, labelled_rows=8)
        >>> (view_a, view_b), given = next(iter(batches))
        >>> view_a.shape, int(np.sum(given[:8] >= 0))
        (TensorShape([64, 16, 16, 3]), 8)
    """
    source = as_source(images)
    if views is None:
        pipeline.check_one_size(source)
    labels = _checked(labels, source)
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        raise InputError(
            "no image has a label; give one or more a label that is not negative"
        )
    if not 1 <= labelled_rows < batch_size:
        raise InputError(
            f"labelled_rows={labelled_rows} must be in 1..{batch_size - 1}, below "
            f"batch_size={batch_size}"
        )
    copies = -(-labelled_rows // len(known))
    order = JointOrder(
        _order(source, source.num_images, batch_size - labelled_rows, seed),
        _order(source, copies * len(known), labelled_rows, seed),
        known,
        labels,
    )
    return pipeline.finished(pipeline.in_order(source, views, order, "auto"), order)


@dataclasses.dataclass(frozen=True)
class JointOrder:
    """Which images make up which batch: labelled ones first. Members as of `Order`.

    Attributes:
        everything: `Order` of all images.
        repeated: `Order` of the labelled images, all of them as often as it takes to
            fill the rows of a batch.
        known: `(L,)` int64 array, the places of the labelled images.
        labels: `(num_images,)` int64 array.
    """

    everything: Order
    repeated: Order
    known: np.ndarray
    labels: np.ndarray

    drop_remainder = True
    shard = (0, 1)

    @property
    def num_images(self):
        return self.everything.num_images

    @property
    def rows(self):
        return self.everything.rows + self.repeated.rows

    @property
    def cardinality(self):
        return self.everything.cardinality

    def epochs(self):
        # What is read from its beginning asks for epochs; all else asks for batches.
        raise InputError(
            "these images can only be read in order, and labelled ones must be read "
            "again and again; give files, or images that fit in a quarter of the memory"
        )

    def batches(self):
        """Data set of the (keys, indices), int64 `(rows,)`, of each batch."""
        return tf.data.Dataset.zip(
            self.repeated.batches().repeat(), self.everything.batches()
        ).map(self._join)

    def _join(self, labelled, others):
        keys, places = labelled
        # The key of a copy is that of no other one, and tells the image like any key.
        epoch_and_copy = (
            keys // self.repeated.num_images * self._copies
            + places // len(self.known)
            + _EPOCHS * self._copies
        )
        indices = tf.gather(self.known, places % len(self.known))
        keys = epoch_and_copy * self.num_images + indices
        joined = zip((keys, indices), others, strict=True)
        return tuple(tf.concat(pair, axis=0) for pair in joined)

    @property
    def _copies(self):
        return self.repeated.num_images // len(self.known)

    def complete(self, made, keys):
        return made, tf.gather(self.labels, keys % self.num_images)


def _order(source, count, rows, seed):
    return make_order(source, rows, seed, None, True, None, count)


def _checked(labels, source):
    labels = np.asarray(labels)
    if labels.shape != (source.num_images,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"`labels` must be {source.num_images} integers, one for each image of "
            f"{source.name}; -1 stands for none. Received: labels of shape "
            f"{labels.shape} and dtype {labels.dtype}"
        )
    return labels.astype(np.int64)
