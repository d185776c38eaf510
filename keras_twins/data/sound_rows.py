"""Views of recordings: each is mixed with others, which its key names."""

import tensorflow as tf

from keras_twins.data import memory, rows
from keras_twins.data.survey import file_names


def in_order(source, views, order, cache):
    """The batches of views of an order.

    Args:
        source: `Source` of log-mels.
        views: `kt.augment.TwoSoundViews`.
        order: `Order`, or what has its attributes.
        cache: as of `two_view_pipeline`.
    """
    log_mel_at = _reader(source, cache)

    def fetch(key, index):
        places = views.partner_of(key[None], source.num_images)
        partners = [
            views.partner_crop(log_mel_at(place[0]), key, view)
            for view, place in enumerate(places)
        ]
        return key, views.crop(log_mel_at(index), key), *partners

    finish = rows.compiled(views.finish)
    return rows.batched(order, fetch, lambda keys, *crops: finish(*crops, keys))


def is_in_memory(source, cache):
    """Whether all log-mels are held in memory, with one answer for all of a run."""
    decoded = memory.decoded_bytes(source) if cache else None
    return decoded is not None and (cache is True or decoded <= memory.budget())


def _reader(source, cache):
    """A function of a place, in the graph: the log-mel there."""
    if is_in_memory(source, cache):
        return memory.reader(source)
    if source.read_paths is not None:
        paths = file_names(source.read_paths)
        return lambda place: source.decode(tf.gather(paths, place))
    raise ValueError(
        "A view is mixed with another recording, which must be at hand. Expected "
        "files, or log-mels of one size that cache may hold in memory. Received: "
        f"{source.name} with image_shape={source.image_shape}, cache={cache!r}"
    )
