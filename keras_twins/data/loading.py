"""Collections of images and recordings, by name."""

import dataclasses
from collections.abc import Collection

import numpy as np
import tensorflow as tf

from keras_twins.data.arrays import ArraySource
from keras_twins.data.image_folder import ImageFolder
from keras_twins.data.sound_folder import SoundFolder
from keras_twins.data.sources import Source
from keras_twins.data.tfds import TFDSSource
from keras_twins.decode.modality import IMAGES, SOUNDS
from keras_twins.errors import InputError
from keras_twins.types import StrPath

_DIGITS_TEST_IMAGES = 360
_DIGITS_SEED = 0


@dataclasses.dataclass(frozen=True)
class Description:
    """What a collection of images or recordings holds.

    Attributes:
        name: the name it was opened by.
        split: the part that was opened.
        num_images: number of images, or recordings.
        image_shape: `(height, width, 3)`; None where the sizes differ. `(None,)` for
            recordings.
        class_names: tuple of strings, or None where there are no named classes.
    """

    name: str
    split: str
    num_images: int
    image_shape: tuple[int | None, ...]
    class_names: tuple[str, ...] | None


def load(
    name: str,
    split: str = "train",
    data_dir: StrPath | None = None,
    labels: bool = False,
    download: bool = False,
    without: Collection[str] = (),
    image_key: str | None = None,
    label_key: str | None = None,
    levels: tuple[int, int] | None = None,
    rate: int = 16_000,
) -> tf.data.Dataset:
    """Opens a collection of images, or of recordings.

    Args:
        name: one of

            - `"digits"`: scikit-learn's 1 797 scans of 8×8 pixels, split into 1 437 for
              `train` and 360 for `test`;
            - `"folder:/path"`: image files, flat or with one sub-folder per class. A
              sub-folder whose name says the split, `Training` for `train`, is that
              split; without one, `train` is the folder without its other splits. Hidden
              files and other files are ignored. What TensorFlow does not read, such as
              TIFF, is converted once into a cache;
            - `"sounds:/path"`: recordings, in a folder as above or with a table
              `clips.csv` in it, whose columns `file` and `label`, and `split` where it
              has one, replace the names of sub-folders. What TensorFlow does not read,
              such as FLAC, and what has another rate, is converted once into a cache
              (the extra `audio`);
            - a TensorFlow Datasets name, `name`, `name/config` or `name:version`.
        split: which part. TensorFlow Datasets also know slices, `"train[:10%]"`.
        data_dir: folder of prepared TensorFlow Datasets; None for theirs.
        labels: whether to give (image, label) rather than image.
        download: whether a TensorFlow Datasets name may be downloaded and prepared.
        without: names of files, as `paths` has them, to leave out of a folder; of
            TensorFlow Datasets, of examples: `"train[12]"`.
        levels: `(low, high)`, the samples of images of 16 bits that become 0 and 255;
            None for 0 and 65535. Images of 8 bits stay as they are.
        rate: of recordings, in Hz.
        image_key: feature of a TensorFlow data set that holds the images, such as
            `"left"` or, in a feature of features, `"a/b"`. None for `"image"`, or the
            only one that holds images.
        label_key: feature that holds the labels: one `ClassLabel`, text, truth value or
            integer per image. None for `"label"`, or the only `ClassLabel`. Classes
            that are texts are numbered in their alphabetical order over all splits.

    Returns:
        unbatched `tf.data.Dataset` of known cardinality and fixed order: uint8 RGB
        images `(height, width, 3)`, or float32 waveforms `(samples,)` in -1..1, mono,
        with their int64 labels where asked for.

    Raises:
        InputError: if there is no such collection, split or label.

    Examples:
        >>> import keras_twins as kt
        >>> digits = kt.data.load("digits", "test", labels=True)
        >>> len(digits)
        360
        >>> image, label = next(iter(digits))
        >>> image.shape, int(label)
        (TensorShape([8, 8, 3]), 1)
    """
    source = open_source(
        name,
        split,
        data_dir,
        download,
        levels=levels,
        image_key=image_key,
        label_key=label_key,
        rate=rate,
    )
    return source.without(without).dataset(labels)


def describe(
    name: str,
    split: str = "train",
    data_dir: StrPath | None = None,
    download: bool = False,
    without: Collection[str] = (),
    image_key: str | None = None,
    label_key: str | None = None,
) -> Description:
    """Says what a collection holds; the arguments are those of `load`.

    Returns:
        `Description`. Of a folder's files the headers are read, until sizes differ.

    Raises:
        InputError: as `load`.

    Examples:
        >>> import keras_twins as kt
        >>> digits = kt.data.describe("digits")
        >>> digits.num_images, digits.image_shape
        (1437, (8, 8, 3))
    """
    source = open_source(
        name, split, data_dir, download, image_key=image_key, label_key=label_key
    ).without(without)
    return Description(
        name=name,
        split=split,
        num_images=source.num_images,
        image_shape=source.image_shape,
        class_names=source.class_names,
    )


def open_source(
    name: str,
    split: str,
    data_dir: StrPath | None = None,
    download: bool = False,
    *,
    image_key: str | None = None,
    label_key: str | None = None,
    label_file: str | None = None,
    levels: tuple[int, int] | None = None,
    rate: int = 16_000,
) -> Source:
    """Opens the source behind `load`; arguments and errors are its own.

    Args:
        label_file: table of labels of a folder, with the columns path and label; None
            where the sub-folders are the classes.
    """
    if name.startswith(IMAGES.prefix):
        return ImageFolder(name.removeprefix(IMAGES.prefix), split, label_file, levels)
    if name.startswith(SOUNDS):
        return SoundFolder(name.removeprefix(SOUNDS), split, label_file, rate)
    if label_file:
        raise InputError(
            f"--config.labels={label_file}: a table of labels goes with a folder, not "
            f"with {name!r}"
        )
    if name == "digits":
        return _digits(split)
    source = TFDSSource(name, split, data_dir, download, image_key, label_key)
    return source.with_levels(levels)


def _digits(split):
    # Half a second, for the digits alone.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if split not in ("train", "test"):
        raise InputError(
            f"data set 'digits' has no split {split!r}; it has: test, train"
        )
    digits = load_digits()
    # 17 grey levels, 0 to 16.
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    parts = train_test_split(
        np.arange(len(images)),
        test_size=_DIGITS_TEST_IMAGES,
        random_state=_DIGITS_SEED,
        stratify=digits.target,
    )
    chosen = np.sort(parts[0 if split == "train" else 1])
    return ArraySource(
        "digits",
        np.repeat(images[chosen, ..., None], 3, axis=-1),
        digits.target[chosen].astype(np.int64),
        tuple(str(name) for name in digits.target_names),
    )
