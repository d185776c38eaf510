"""Recordings as log-mels, for pipelines of views and for encoders."""

from typing import TYPE_CHECKING

import tensorflow as tf

from keras_twins.data.sound_folder import SoundFolder
from keras_twins.data.sources import as_source
from keras_twins.data.survey import file_names

if TYPE_CHECKING:
    from keras_twins.augment import LogMel

# Of one batch: a batch of long recordings is a small one.
_MOST_FRAMES = 1 << 16


def log_mels(recordings: tf.data.Dataset, log_mel: "LogMel") -> tf.data.Dataset:
    """Makes log-mels of recordings.

    Args:
        recordings: what `kt.data.load` returned for a `"sounds:/path"`.
        log_mel: `kt.augment.LogMel` of the rate that they were loaded at.

    Returns:
        unbatched `tf.data.Dataset` of float32 log-mels `(bands, frames, 1)` of
        different lengths, with the labels of `recordings` where it has them. Pipelines
        keep them in memory where they fit into a quarter of it.

    Raises:
        ValueError: for another data set, or another rate.
    """
    source = as_source(recordings)
    if not isinstance(source, SoundFolder):
        raise ValueError(
            "Log-mels are made of recordings. Expected what "
            f'kt.data.load("sounds:/path") returned. Received: {source.name}'
        )
    labels = isinstance(recordings.element_spec, tuple)
    return source.as_log_mels(log_mel).dataset(labels)


def whole_batches(source, batch_size, labels=False):
    """Batches of whole log-mels, in order; none is padded because of another.

    A batch ends where the length changes, so that `source.by_length()` has the fewest.

    Args:
        source: `SoundFolder` of log-mels.
        batch_size: int, log-mels in a batch at most.
        labels: bool. Whether to give `(log_mels, labels)`.

    Returns:
        `tf.data.Dataset` of float32 `(N, bands, frames, 1)`, or with int64 labels.
    """
    groups = tf.ragged.constant(_groups(source.frames, batch_size), tf.int64)
    records = file_names(source.read_paths)
    spec = tf.TensorSpec(source.image_shape, tf.float32)
    known = tf.constant(source.labels() if labels else (), tf.int64)

    def batch(places):
        found = tf.map_fn(
            lambda place: source.decode(records[place]),
            places,
            fn_output_signature=spec,
        )
        return (found, tf.gather(known, places)) if labels else found

    dataset = tf.data.Dataset.from_tensor_slices(groups)
    return dataset.map(batch, num_parallel_calls=tf.data.AUTOTUNE)


def _groups(frames, batch_size):
    """Lists of neighbouring places whose log-mels have one length."""
    groups = []
    for place, length in enumerate(frames):
        most = max(1, min(batch_size, _MOST_FRAMES // length))
        last = groups[-1] if groups else []
        if last and frames[last[-1]] == length and len(last) < most:
            last.append(place)
        else:
            groups.append([place])
    return groups
