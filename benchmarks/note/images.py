"""CIFAR-10 in memory: training images, held-out training images and test images."""

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

import keras_twins as kt
from keras_twins import augment

# The last of the training set: rates are chosen and trainings watched on them.
HELD_OUT = 2_000

# Of so many of them there are two views, the same ones for all rows and seeds.
PAIRS = 1_000
_VIEWS_SEED = 2104

_BATCH = 500


def view_spec():
    """The views of the quick configuration: CIFAR-10's, of less zoomed crops."""
    spec = augment.preset("cifar10")
    for view in (spec["view_a"], spec["view_b"]):
        view["crop_scale"] = (0.25, 1.0)
    return spec


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Images as an encoder takes them, and their labels."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


class Images:
    """What all rows share.

    Args:
        train: `(images, labels)`, uint8 `(N, 32, 32, 3)` and integers.
        test: the same.
        held_out: int, how many of the last training images are no training images.

    Attributes:
        pixels: uint8, the training images, of which a row takes the first ones.
        held_out: `Labelled`.
        test: `Labelled`.
        pair: two views of the first held-out images, normalised.
    """

    def __init__(self, train, test, held_out=HELD_OUT):
        views = augment.TwoViews(view_spec(), seed=_VIEWS_SEED)
        pixels, labels = train
        self.pixels = pixels[:-held_out]
        self._labels = labels[:-held_out]
        self._views = views
        self.held_out = Labelled(
            _prepared(views, pixels[-held_out:]), labels[-held_out:]
        )
        self.test = Labelled(_prepared(views, test[0]), test[1])
        shown = pixels[-held_out:][:PAIRS]
        drawn = views(shown, keys=np.arange(len(shown)))
        self.pair = tuple(view.numpy() for view in drawn)

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one object lives as long as all rows
    def train(self, count):
        """The first so many training images, `Labelled`."""
        return Labelled(
            _prepared(self._views, self.pixels[:count]), self._labels[:count]
        )

    @classmethod
    def read(cls, data_dir):
        """CIFAR-10 out of a folder of prepared TensorFlow Datasets."""
        return cls(*(_arrays(split, data_dir) for split in ("train", "test")))


def _arrays(split, data_dir):
    dataset = kt.data.load("cifar10", split, data_dir, labels=True)
    batches = list(dataset.batch(10_000).as_numpy_iterator())
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _prepared(views, pixels):
    parts = [
        views.prepare(pixels[start : start + _BATCH]).numpy()
        for start in range(0, len(pixels), _BATCH)
    ]
    return np.concatenate(parts)
