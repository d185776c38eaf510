"""Small pictures: thumbnails, sheets of them, views, heat maps, data URIs."""

import base64
import io
import math

import numpy as np
from PIL import Image, ImageOps

from keras_twins.pixels import check_pixels


def thumbnails(dataset, count, side, draw=None):
    """The first elements of a dataset as thumbnails.

    Args:
        dataset: batched `tf.data.Dataset` of images, or `(images, labels)`, pixels in
            0..255; or of what `draw` takes.
        count: int, how many.
        side: int, in pixels.
        draw: function of an element and a side that gives a PIL image. Defaults to
            `thumbnail`.

    Returns:
        uint8 array `(count, side, side, 3)`, the centre of images that are no squares.
    """
    draw, found = draw or thumbnail, []
    for batch in dataset:
        images = batch[0] if isinstance(batch, tuple) else batch
        for image in images.numpy()[: count - len(found)]:
            found.append(np.asarray(draw(image, side)))
        if len(found) == count:
            break
    return np.stack(found)


def thumbnail(image, side):
    """A square PIL image; enlarged pixels stay sharp.

    Args:
        image: `(height, width, channels)` array of pixels in 0..255, of one channel or
            three.
        side: int, in pixels.

    Raises:
        ValueError: for values that no image has, such as those of log-mels.
    """
    check_pixels(np.min(image), np.max(image))
    pixels = np.round(np.clip(image, 0, 255)).astype(np.uint8)
    picture = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    enlarged = side > min(picture.size)
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    return ImageOps.fit(picture, (side, side), method)


def sprite(pictures):
    """A sheet of pictures, as many in a row as there are rows.

    Args:
        pictures: uint8 array `(N, side, side, 3)`.

    Returns:
        Square PIL image, row by row; see `columns`.
    """
    count, side = pictures.shape[:2]
    across = columns(count)
    sheet = np.zeros((across**2, side, side, 3), np.uint8)
    sheet[:count] = pictures
    rows = sheet.reshape(across, across, side, side, 3).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(across * side, across * side, 3))


def columns(count):
    """How many pictures a row of a sprite of `count` pictures has."""
    return math.isqrt(count - 1) + 1


def heat_map(matrix):
    """A matrix of values in −1..1 as uint8 `(rows, columns, 3)`.

    White is 0, red 1 and blue −1.
    """
    strength = np.clip(np.abs(matrix), 0.0, 1.0)[..., np.newaxis]
    colour = np.where(matrix[..., np.newaxis] > 0, [178, 24, 43], [33, 102, 172])
    return np.round(255 + strength * (colour - 255)).astype(np.uint8)


def image_and_views(layer, image, key):
    """An image and its views as they look.

    Args:
        layer: `keras_twins.augment.TwoViews`.
        image: `(height, width, channels)` tensor of pixels in 0..255.
        key: int, which decides the views.

    Returns:
        list of uint8 arrays `(height, width, 3)`: image, view a, view b and further
        ones.
    """
    mean, std = np.array(layer.spec["mean"]), np.array(layer.spec["std"])
    views = layer(image[None], keys=[key])
    plain = [255.0 * (np.asarray(view[0]) * std + mean) for view in views]
    return [np.round(np.clip(p, 0, 255)).astype(np.uint8) for p in (image, *plain)]


def view_names(count):
    """What an image and so many views of it are called, in this order."""
    further = [f"view {number}" for number in range(3, count + 1)]
    return ["original", "view a", "view b", *further]


def data_uri(picture, quality=None):
    """A PIL image as the address of an `img`: PNG, or WebP of a quality in 1..100."""
    file, kind = io.BytesIO(), "webp" if quality else "png"
    picture.save(file, kind, **({"quality": quality} if quality else {}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def names(labels, class_names, count):
    """The class of each of `count` images in words; empty where it is not known."""
    if labels is None:
        return [""] * count
    labels = [int(label) for label in labels[:count]]
    if class_names and max(labels) < len(class_names) and min(labels) >= 0:
        return [class_names[label] for label in labels]
    return [str(label) for label in labels]
