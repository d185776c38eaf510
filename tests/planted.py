"""Pictures of a collection that differ from one another, and copies of them."""

import numpy as np
from PIL import Image
from scipy import ndimage


def picture(seed, width=96, height=80):
    """Blobs with some detail and, as in photographs, smoother colours.

    No two seeds resemble each other.
    """
    rng = np.random.default_rng(seed)

    def blobs(channels, sigma):
        noise = rng.normal(size=(height, width, channels))
        return ndimage.gaussian_filter(noise, (sigma, sigma, 0)) * sigma

    pixels = blobs(1, 2) + blobs(1, 5) + blobs(3, 12)
    return Image.fromarray(np.uint8(np.clip(128 + 110 * pixels, 0, 255)))


def save(folder, images):
    """Saves a dict of pictures by file name; gives the paths in its order."""
    for name, image in images.items():
        image.save(folder / name)
    return [str(folder / name) for name in images]
