"""Elements held in memory: how much of it may be used, and how without two copies."""

import os
import pathlib

import numpy as np
import tensorflow as tf

from keras_twins import progress
from keras_twins.data.explain import explain_read_errors

# The share of the machine's memory that `cache="auto"` may fill with decoded images.
MEMORY_SHARE = 0.25
_CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_ALIGNMENT = 64
_BATCH = 256


def budget():
    """Bytes that `cache="auto"` may use.

    A share of the memory that the machine or its container has, rather than of what
    happens to be free: what is cached must not change between a run and its resumption.
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in map(pathlib.Path, _CONTAINER_LIMITS):
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return int(MEMORY_SHARE * min(limits))


def decoded_bytes(source):
    """Bytes of all elements once decoded; None where that is not known.

    It is of images of several sizes, and of waveforms, of which log-mels are made.
    """
    frames = source.frames
    if frames is not None:
        bands, _, channels = source.image_shape
        return int(frames.sum()) * bands * channels * source.dtype.size
    if None in source.image_shape:
        return None
    return source.num_images * int(np.prod(source.image_shape)) * source.dtype.size


def load_images(source):
    """Decodes every image of `source`, whose images are of one size, into one tensor.

    A progress bar appears when it takes more than a moment.

    Returns:
        tensor of shape `(num_images, height, width, channels)` in host memory.
    """
    shape = (source.num_images, *source.image_shape)
    images = _aligned_empty(shape, source.dtype.as_numpy_dtype)
    dataset = source.dataset()
    batches = dataset.batch(_BATCH).prefetch(tf.data.AUTOTUNE)
    filled = 0
    with explain_read_errors(dataset), _progress(source) as bar:
        for batch in batches.as_numpy_iterator():
            images[filled : filled + len(batch)] = batch
            filled += len(batch)
            bar.update(len(batch))
    return _wrap(images)


def load_log_mels(source):
    """Makes every log-mel of `source`, one behind the other.

    Returns:
        tensor of shape `(all frames, bands)` in host memory.
    """
    bands = source.image_shape[0]
    log_mels = _aligned_empty((int(source.frames.sum()), bands), np.float32)
    dataset = source.dataset()
    filled = 0
    with explain_read_errors(dataset), _progress(source) as bar:
        for log_mel in dataset.prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
            frames = log_mel.shape[1]
            log_mels[filled : filled + frames] = log_mel[..., 0].T
            filled += frames
            bar.update()
    return _wrap(log_mels)


def reader(source):
    """A function of a place, in the graph: the element there, out of memory."""
    table = source.images_in_memory
    if source.frames is None:
        return lambda place: table[place]
    ends = tf.constant(np.cumsum([0, *source.frames]), tf.int64)

    def log_mel_at(place):
        begin, end = ends[place], ends[place + 1]
        return tf.transpose(table[begin:end])[..., tf.newaxis]

    return log_mel_at


def load_records(source):
    """Reads the encoded records of `source` into one string tensor."""
    records = []
    with explain_read_errors(source.dataset()), _progress(source) as bar:
        for record in source.records().as_numpy_iterator():
            records.append(record)
            bar.update()
    with tf.device("CPU:0"):
        return tf.constant(records)


def as_tensor(images):
    """Copies a NumPy array into a tensor in host memory."""
    copy = _aligned_empty(images.shape, images.dtype)
    copy[...] = images
    return _wrap(copy)


def _progress(source):
    return progress.bar(f"reading {source.name}", source.num_images, f"{source.word}s")


def _aligned_empty(shape, dtype):
    """Memory for a tensor: TensorFlow aborts on what is aligned less than this."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(num_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + num_bytes].view(dtype).reshape(shape)


def _wrap(images):
    # DLPack hands the memory over; `tf.constant` would hold it twice for a while, and
    # put it on the GPU where there is one.
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())
