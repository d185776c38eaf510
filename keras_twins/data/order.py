"""The order of images in every epoch, as a function of the seed and the epoch only."""

import dataclasses

import tensorflow as tf

from keras_twins.errors import InputError

# Keeps this stream of random numbers apart from others that start from the same seed.
_STREAM = 0x6F72646572
_LAST = tf.int64.max


@dataclasses.dataclass(frozen=True)
class Order:
    """Which images make up which batch.

    Epoch e is a permutation of all images that depends on (`seed`, e) only. Its batches
    are consecutive pieces of the permutation; none spans two epochs. The key of an
    image is different for every (epoch, image), and is what its views are drawn from.

    Attributes:
        num_images: number of images.
        batch_size: images in a global batch.
        seed: integer.
        start: None for one epoch an iteration, another one each time; (epoch, step)
            for an endless run that begins there.
        drop_remainder: whether an epoch ends with its last full batch.
        shard: (index, count): which rows of a global batch, `index::count`.
    """

    num_images: int
    batch_size: int
    seed: int
    start: tuple[int, int] | None
    drop_remainder: bool
    shard: tuple[int, int]

    @property
    def steps(self):
        """Batches in an epoch."""
        rounded_up = 0 if self.drop_remainder else self.batch_size - 1
        return (self.num_images + rounded_up) // self.batch_size

    @property
    def rows(self):
        """Rows of this worker in a full global batch."""
        return self.batch_size // self.shard[1]

    @property
    def cardinality(self):
        return self.steps if self.start is None else tf.data.INFINITE_CARDINALITY

    def epochs(self):
        """Data set of the (epoch, first step) that an iteration runs through."""
        if self.start is None:
            # A draw out of 2³², another one in each iteration, stands for the epoch.
            return (
                tf.data.Dataset.random(self.seed, rerandomize_each_iteration=True)
                .take(1)
                .map(lambda draw: (draw, tf.constant(0, tf.int64)))
            )
        late_epochs, step = divmod(self.start[1], self.steps)
        first = self.start[0] + late_epochs
        step = tf.constant(step, tf.int64)
        return tf.data.Dataset.range(first, _LAST).map(
            lambda epoch: (epoch, tf.where(epoch == first, step, 0))
        )

    def keys(self, epoch, indices):
        return epoch * self.num_images + indices

    def complete(self, made, keys):
        """What a batch is: `made` of the images of its `keys`, and nothing else."""
        del keys
        return made

    def batches(self):
        """Data set of this worker's (keys, indices), int64 `(rows,)`, of each batch.

        Where an epoch's last batch is short, both are -1 in the rows it lacks.
        """
        return self.epochs().flat_map(self._epoch_batches)

    def _epoch_batches(self, epoch, first_step):
        indices = tf.random.experimental.stateless_shuffle(
            tf.range(self.num_images, dtype=tf.int64), self._seed(epoch), alg="philox"
        )
        keys = self.keys(epoch, indices)
        return tf.data.Dataset.from_tensor_slices(
            (self._rows(keys), self._rows(indices))
        ).skip(first_step)

    def _rows(self, values):
        """`(num_images,)` values as `(steps, rows)`."""
        slots = self.steps * self.batch_size
        missing = max(slots - self.num_images, 0)
        values = tf.pad(values[:slots], [[0, missing]], constant_values=-1)
        index, count = self.shard
        return tf.reshape(values, (self.steps, self.batch_size))[:, index::count]

    def buffer_seed(self, epoch):
        """Seed of `Dataset.shuffle`, which takes one number, for an epoch."""
        return tf.random.stateless_uniform(
            (), self._seed(epoch), None, None, tf.int64, alg="philox"
        )

    def _seed(self, epoch):
        return tf.random.experimental.stateless_fold_in(
            tf.constant([self.seed, _STREAM], tf.int64), epoch, alg="philox"
        )


def make_order(source, batch_size, seed, start, drop_remainder, shard, num_images=None):
    """Checks what a user gave and makes the `Order` of a source's elements.

    Args:
        num_images: int, of another number of elements than the source has.
        others: as of `two_view_pipeline`.
    """
    num_images = num_images or source.num_images
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} must be at least 1")
    if drop_remainder and batch_size > num_images:
        raise InputError(
            f"batch_size={batch_size} is larger than the {num_images} {source.word}s "
            f"of {source.name}"
        )
    if start is not None and min(start) < 0:
        raise ValueError(
            "`start` must be a position in training. Expected (epoch, step), both at "
            f"least 0. Received: start={start}"
        )
    index, count = shard or (0, 1)
    if not 0 <= index < count:
        raise ValueError(
            "`shard` must name one of the workers. Expected (index, count) with "
            f"0 <= index < count. Received: shard={shard}"
        )
    if batch_size % count:
        raise InputError(
            f"batch_size={batch_size} cannot be shared equally by {count} workers"
        )
    return Order(num_images, batch_size, seed, start, drop_remainder, (index, count))
