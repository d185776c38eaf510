"""Which features of a TFDS data set are its images and its labels.

Features of features are named by their path, `a/b`.
"""

import dataclasses

import numpy as np

from keras_twins.errors import InputError

_IMAGE, _LABEL = "image", "label"


@dataclasses.dataclass(frozen=True)
class Label:
    """A feature that holds one class per image.

    Attributes:
        key: str, its path.
        class_names: tuple of str, or None where the data set does not name them.
        is_text: bool, whether the classes are texts.
    """

    key: str
    class_names: tuple[str, ...] | None = None
    is_text: bool = False


def find_image(tfds, features, name, key=None):
    """Finds the images of a data set.

    Args:
        tfds: the package.
        features: the data set's features.
        name: str, the data set's name.
        key: path of the feature. None for the only one that holds images, or the one
            that is called "image".

    Returns:
        `(key, feature)`.

    Raises:
        InputError: where there is no such feature, or which one is meant is not clear.
    """
    known = dict(_flat(tfds, features))
    images = [k for k, feature in known.items() if _is_image(tfds, feature)]
    if key is not None:
        _check_known("image_key", key, known, name)
        if not isinstance(known[key], tfds.features.Image):
            raise InputError(
                f"--config.image_key={key}: {_kind(known[key])}, not an image; images "
                f"of {name}: {', '.join(images) or 'none'}"
            )
    elif _IMAGE in images:
        key = _IMAGE
    elif len(images) == 1:
        (key,) = images
    elif images:
        raise InputError(
            f"data set {name!r} has several features that are images: "
            f"{', '.join(images)}; choose one, as in --config.image_key={images[0]}"
        )
    else:
        raise InputError(f"data set {name!r} has no images; it has: {_listed(known)}")
    if known[key].np_dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"the images {key!r} of data set {name!r} are "
            f"{np.dtype(known[key].np_dtype)}; 8- or 16-bit ones are expected"
        )
    return key, known[key]


def find_label(tfds, features, name, key=None):
    """Finds the labels of a data set: one class per image.

    A class is a `ClassLabel`, a text, a truth value or an integer.

    Args:
        tfds: the package.
        features: the data set's features.
        name: str, the data set's name.
        key: path of the feature. None for the one that is called "label", or else the
            only `ClassLabel`.

    Returns:
        `Label`, or the reason (str) why there are no labels to evaluate with.

    Raises:
        InputError: where `key` is not a feature.
    """
    known = dict(_flat(tfds, features))
    classes = [
        k
        for k, feature in known.items()
        if isinstance(feature, tfds.features.ClassLabel)
    ]
    if key is not None:
        _check_known("label_key", key, known, name)
    elif _LABEL in known:
        key = _LABEL
    elif len(classes) == 1:
        (key,) = classes
    elif classes:
        return (
            f"{name} has several labels: {', '.join(classes)}; choose one, as in "
            f"--config.label_key={classes[0]}"
        )
    else:
        others = (path for path in known if _says_classes(tfds, path, known[path]))
        key = next(others, None)
        if key is None:
            return f"{name} has no labels"
    return _label(tfds, key, known[key])


def _says_classes(tfds, path, feature):
    """Whether a feature holds classes, though not one `ClassLabel` per image."""
    inner = getattr(feature, "feature", None)
    if isinstance(inner, tfds.features.FeaturesDict):
        return any(_says_classes(tfds, *leaf) for leaf in _flat(tfds, inner))
    classes = isinstance(feature, tfds.features.ClassLabel | tfds.features.LabeledImage)
    if isinstance(feature, tfds.features.Sequence) and inner is not None:
        return _says_classes(tfds, path, inner)
    return classes or path.rpartition("/")[2] == "labels"


def _label(tfds, key, feature):
    if isinstance(feature, tfds.features.ClassLabel):
        return Label(key, tuple(feature.names))
    if isinstance(feature, tfds.features.Tensor) and feature.shape == ():
        dtype = np.dtype(feature.np_dtype)
        if dtype.kind in "OSU":
            return Label(key, is_text=True)
        if dtype.kind == "b":
            return Label(key, ("False", "True"))
        if dtype.kind in "iu":
            return Label(key)
    return f"labels are not one class per image ({key!r} is {_kind(feature)})"


def _flat(tfds, features, prefix=""):
    """Yields the path and the feature of each leaf, in the order of their names."""
    for key, feature in sorted(features.items()):
        # A sequence of features has as many values as it likes: it is a leaf.
        if isinstance(feature, tfds.features.FeaturesDict):
            yield from _flat(tfds, feature, f"{prefix}{key}/")
        else:
            yield prefix + key, feature


def _is_image(tfds, feature):
    # A mask holds the class of each pixel: an image of another kind.
    mask = isinstance(feature, tfds.features.LabeledImage)
    return isinstance(feature, tfds.features.Image) and not mask


def _check_known(option, key, known, name):
    if key not in known:
        raise InputError(
            f"--config.{option}={key}: data set {name!r} has no such feature; it has: "
            f"{_listed(known)}"
        )


def _listed(known):
    return ", ".join(f"{key} ({_kind(known[key])})" for key in known) or "no features"


def _kind(feature):
    """A feature in words: "a Sequence of ClassLabel", "a Tensor of 10 float32"."""
    kind = type(feature).__name__
    inner = getattr(feature, "feature", None)
    if inner is not None and kind == "Sequence":
        return f"a Sequence of {type(inner).__name__}"
    if kind in ("Tensor", "Scalar"):
        shape = "×".join("?" if side is None else str(side) for side in feature.shape)
        return f"a {kind} of {f'{shape} ' if shape else ''}{np.dtype(feature.np_dtype)}"
    article = "an" if kind[0] in "AEIOU" else "a"
    return f"{article} {kind}"
