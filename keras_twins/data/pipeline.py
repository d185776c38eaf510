"""From a collection of images or recordings to shuffled batches of views."""

from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from keras_twins.data import memory, rows, sound_rows
from keras_twins.data.arrays import ArraySource
from keras_twins.data.order import make_order
from keras_twins.data.sources import as_source
from keras_twins.data.survey import file_names

if TYPE_CHECKING:
    from keras_twins.augment import TwoSoundViews, TwoViews

# Records (not images) in the shuffle buffer where images can only be read in order.
_SHUFFLE_BUFFER = 16_384


def two_view_pipeline(
    images: tf.data.Dataset,
    views: "TwoViews | TwoSoundViews",
    batch_size: int,
    seed: int = 0,
    *,
    start: tuple[int, int] | None = None,
    drop_remainder: bool = True,
    cache: Literal["auto"] | bool = "auto",
    shard: tuple[int, int] | None = None,
    service: str | None = None,
) -> tf.data.Dataset:
    """Makes batches of view pairs, shuffled anew in every epoch.

    The order of epoch e is a function of (`seed`, e), and the views of an image are a
    function of (`views.seed`, e, the image's place in the collection): neither batch
    size nor worker count nor timing changes them.

    Images that are files, arrays or cached are read in any order at no cost. Others
    (TensorFlow Datasets too large to cache, any uncached `tf.data.Dataset`) pass
    through a shuffle buffer of 16 384, seeded by the epoch, and `start` skips over
    what comes before it. Of a JPEG larger than the views, only the part that the crops
    see is decoded.

    Recordings are given as log-mels. Into each view another recording is mixed, whose
    place in the collection follows from `views.seed` and the key, too.

    Args:
        images: what `kt.data.load` or `kt.data.from_arrays` returned, or any unbatched
            `tf.data.Dataset` of images `(height, width, channels)`, uint8 or float in
            0..255, of equal or different sizes; or what `kt.data.log_mels` returned.
            Labels are ignored.
        views: a `kt.augment.TwoViews`, which may make further views beside the two; of
            log-mels, a `kt.augment.TwoSoundViews`.
        batch_size: number of images in a global batch.
        seed: integer that the order of the images comes from.
        start: None for a data set that is one epoch long and has another epoch each
            time it is iterated, the same ones in every run that has the same `seed` and
            TensorFlow's global seed; (epoch, step) for an endless one that begins there
            without computing what came before.
        drop_remainder: whether to drop an epoch's last batch where it is not full.
        cache: `"auto"` holds decoded images in memory where all are of one size and
            take up at most a quarter of the machine's memory, and log-mels of any
            length; True, whatever they take up; False, never.
        shard: (index, count) for worker `index` of `count`: it gets rows
            `index::count` of every global batch.
        service: None, or the address of a `tf.data` service, `"grpc://host:port"`,
            whose workers make the batches: each reads the images themselves, takes the
            next epoch that none has taken, and caches nothing. Batches arrive in the
            order in which they are done.

    Returns:
        `tf.data.Dataset` of (view_a, view_b), and the further views that `views` makes,
        each float32 `(batch_size / count, height, width, channels)`; of log-mels,
        `(batch_size / count, bands, frames, 1)`.

    Raises:
        InputError: if there are fewer images than `batch_size`, or the workers cannot
            share it equally.
        ValueError: if another argument is invalid, or the views are of images and the
            collection is not.

    Examples:
        >>> import keras_twins as kt
        >>> views = kt.augment.TwoViews("digits", seed=0)
        >>> pairs = kt.data.two_view_pipeline(kt.data.load("digits"), views, 64)
        >>> len(pairs)  # 1437 // 64
        22
        >>> [view.shape for view in pairs.element_spec]
        [TensorShape([64, 16, 16, 3]), TensorShape([64, 16, 16, 3])]
    """
    if service is not None and start is None:
        raise ValueError(
            "A service cannot make the epochs of `start=None`, which each iteration "
            "draws anew. Expected start=(epoch, step). Received: "
            f"service={service!r}, start=None"
        )
    source = as_source(images)
    order = make_order(source, batch_size, seed, start, drop_remainder, shard)
    batches = in_order(source, views, order, cache if service is None else False)
    if service is not None:
        batches = _made_elsewhere(batches, service)
    return finished(batches, order)


def image_batches(
    images: tf.data.Dataset,
    batch_size: int,
    seed: int = 0,
    *,
    start: tuple[int, int] | None = None,
    drop_remainder: bool = True,
    cache: Literal["auto"] | bool = "auto",
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Makes batches of images, for a model that makes the views itself.

    The arguments, the order and the errors are those of `two_view_pipeline`; the images
    must be of one size.

    Returns:
        `tf.data.Dataset` of images `(batch_size / count, height, width, channels)`, of
        the dtype that `images` has.
    """
    source = as_source(images)
    check_one_size(source)
    order = make_order(source, batch_size, seed, start, drop_remainder, shard)
    return finished(in_order(source, None, order, cache), order)


def check_one_size(source):
    """Raises ValueError for images that no views bring to one size."""
    if None in source.image_shape:
        raise ValueError(
            "Images of different sizes make no batch. Expected images of one size, or "
            "views made by the pipeline. Received: "
            f"{source.name} with image_shape={source.image_shape}"
        )


def in_order(source, views, order, cache):
    """The batches of an `Order` or of what has its attributes, such as `JointOrder`."""
    _check_modality(source, views)
    if views is not None and views_sounds(views):
        return sound_rows.in_order(source, views, order, cache)
    table, holds_records = _random_access(source, cache)
    if table is None:
        return _streamed(source, views, order)
    if holds_records:
        return _fetched(table, source, views, order)
    return _gathered(table, views, order)


def views_sounds(views):
    """Whether a layer makes views of log-mels; a user's own is one of images."""
    return getattr(views, "modality", "images") == "sounds"


def _check_modality(source, views):
    """Refuses waveforms, and views of another modality than the source's."""
    if len(source.image_shape) == 1:
        raise ValueError(
            "Views are made of log-mels. Expected kt.data.log_mels(recordings, "
            f"kt.augment.LogMel()). Received: the waveforms of {source.name}"
        )
    if views is not None and source.word == "recording" and not views_sounds(views):
        raise ValueError(
            "The views do not fit the collection. Expected a kt.augment.TwoSoundViews "
            f"for log-mels. Received: views={views}, of images"
        )


def _made_elsewhere(batches, service):
    return batches.apply(
        tf.data.experimental.service.distribute(
            tf.data.experimental.service.ShardingPolicy.DYNAMIC, service
        )
    )


def finished(batches, order):
    """Batches that know their number and are made ahead of the step that runs."""
    batches = batches.apply(tf.data.experimental.assert_cardinality(order.cardinality))
    options = tf.data.Options()
    options.deterministic = True
    # Each thread is busy with images of its own: no operation gains from being shared.
    options.threading.max_intra_op_parallelism = 1
    if order.shard != (0, 1):
        # It is one worker's share already.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.OFF
        )
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def _random_access(source, cache):
    """A tensor to index and whether it holds records, not images.

    (None, None) where the images can only be read in order.
    """
    if cache not in ("auto", True, False):
        raise ValueError(
            "Invalid `cache`. Expected 'auto', True or False. Received: "
            f"cache={cache!r}"
        )
    if isinstance(source, ArraySource):
        return source.images_in_memory, False
    decoded = memory.decoded_bytes(source) if cache else None
    if decoded is not None and (cache is True or decoded <= memory.budget()):
        return source.images_in_memory, False
    if source.read_paths is not None:
        return file_names(source.read_paths), True
    encoded = source.encoded_bytes if cache else None
    if encoded is not None and (cache is True or encoded <= memory.budget()):
        return source.records_in_memory, True
    if cache is True:
        raise ValueError(
            "Images of different sizes cannot be cached. Expected cache='auto' or "
            f"False. Received: cache=True for {source.name} with "
            f"image_shape={source.image_shape}"
        )
    return None, None


def _gathered(table, views, order):
    """Batches out of images in memory."""
    make_views = rows.compiled(views) if views else lambda images, keys: images

    def gather(keys, indices):
        keys, indices = rows.present(order, keys, keys, indices)
        return order.complete(make_views(tf.gather(table, indices), keys), keys)

    return rows.mapped(order.batches(), gather)


def _fetched(table, source, views, order):
    """Batches out of what must be decoded image by image, in any order."""
    fetch, finish = _fetch_and_finish(source, views)
    return rows.batched(
        order, lambda key, index: fetch(key, tf.gather(table, index)), finish
    )


def _streamed(source, views, order):
    """Batches out of what can only be read from its beginning."""
    fetch, finish = _fetch_and_finish(source, views)
    records = source.records().enumerate()
    buffer_size = min(order.num_images, _SHUFFLE_BUFFER)
    index, count = order.shard

    def epoch_batches(epoch, first_step):
        # Of this graph alone: a global seed of 0 breaks `shuffle` with a tensor's seed.
        tf.random.set_seed(1)
        shuffled = records.shuffle(
            buffer_size, order.buffer_seed(epoch), reshuffle_each_iteration=False
        )
        records_of_epoch = (
            shuffled.take(order.steps * order.batch_size)
            .skip(first_step * order.batch_size)
            .shard(count, index)
        )
        return rows.mapped(
            records_of_epoch,
            lambda index, record: fetch(order.keys(epoch, index), record),
        ).batch(order.rows, drop_remainder=order.drop_remainder)

    return rows.mapped(order.epochs().flat_map(epoch_batches), finish)


def _fetch_and_finish(source, views):
    """What is done with each key and record, and with a batch of its results."""
    if views and _views_alone(source, views):
        make_one = _view_maker(source, views)
        return make_one, lambda keys, *made: made

    def fetch(key, record):
        return key, tf.ensure_shape(source.decode(record), source.image_shape)

    if not views:
        return fetch, lambda keys, images: images
    make_views = rows.compiled(views)
    return fetch, lambda keys, images: make_views(images, keys)


def _views_alone(source, views):
    """Whether each image's views are made before a batch is."""
    if None in source.image_shape:
        return True
    # Where the views are smaller, most of a JPEG need not be decoded.
    is_encoded = source.decoder is not None
    return is_encoded and min(source.image_shape[:2]) > views.spec["image_size"]


def _view_maker(source, views):
    """A function of a key and a record: the key and the views."""
    finish = rows.compiled(views.finish)

    def crops(key, record):
        decoder = source.decoder
        if decoder is None:
            return views.resample(source.decode(record), key)
        contents, label = source.contents(record), source.label(record)
        return tf.cond(
            decoder.is_whole_jpeg(contents),
            lambda: views.resample_parts(*decoder.jpeg_parts(contents, label), key),
            lambda: views.resample(decoder.decode(contents, label), key),
        )

    def make(key, record):
        made = finish(*(crop[None] for crop in crops(key, record)), key[None])
        return key, *(view[0] for view in made)

    return make
