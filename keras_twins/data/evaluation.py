"""Images in order and at one size, for embedding them."""

import tensorflow as tf

from keras_twins.augment.pixel_range import check_range
from keras_twins.augment.prepare import resize_and_crop


def evaluation_pipeline(
    dataset: tf.data.Dataset,
    image_size: int,
    batch_size: int,
    *,
    resize: int | None = None,
) -> tf.data.Dataset:
    """Makes batches of images of one size, in the order of the data set.

    The shorter side is resized (bilinear, antialiased) to `resize` pixels, the aspect
    ratio kept, and the centre is cut out: what an exported model does, too.

    Args:
        dataset: unbatched `tf.data.Dataset` of images `(height, width, channels)`,
            uint8 or float in 0..255, or of (image, label).
        image_size: side of the square images that come out, in pixels.
        batch_size: images in a batch; the last one may have fewer.
        resize: length of the shorter side before cropping, in pixels, at least
            `image_size`. Defaults to `image_size`.

    Returns:
        `tf.data.Dataset` of float32 images in 0..255, not normalised,
        `(batch_size, image_size, image_size, channels)`, with their labels where
        `dataset` has them.

    Raises:
        ValueError: if `resize` is smaller than `image_size`, or the elements are not
            images.

    Examples:
        >>> import keras_twins as kt
        >>> images = kt.data.load("digits", "test")
        >>> batches = kt.data.evaluation_pipeline(images, image_size=16, batch_size=100)
        >>> [len(batch) for batch in batches]
        [100, 100, 100, 60]
    """

    def prepare(images, *labels):
        images = resize_and_crop(images, image_size, resize)
        return (images, *labels) if labels else images

    spec = dataset.element_spec
    spec = spec[0] if isinstance(spec, tuple) else spec
    _check_images(dataset, spec)
    shape = spec.shape
    if shape.is_fully_defined():
        batches = dataset.batch(batch_size).map(prepare, tf.data.AUTOTUNE)
    else:
        batches = dataset.map(prepare, tf.data.AUTOTUNE).batch(batch_size)
    return batches.prefetch(tf.data.AUTOTUNE)


def _check_images(dataset, spec):
    """Raises ValueError for other elements than images: waveforms, or log-mels."""
    if spec.shape.rank != 3:
        raise ValueError(
            "The elements of the data set are not images. Expected elements of shape "
            f"(height, width, channels). Received: {spec}"
        )
    if spec.dtype.is_floating:
        # A first look: files of images are integers, and need none.
        for first in dataset.take(1):
            images = first[0] if isinstance(first, tuple) else first
            check_range(images, (0, 255))
