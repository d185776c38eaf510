"""A folder of images, flat or with one sub-folder a class."""

import copy
import functools
import os

import numpy as np
import tensorflow as tf

from keras_twins.data.explain import unreadable_image
from keras_twins.data.sources import Source
from keras_twins.data.survey import file_names
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder
from keras_twins.errors import InputError

_SPLITS = ("train", "test", "val", "validation")
_ANNOTATIONS = "val_annotations.txt"
_NO_CLASS = "images"
_SAME_SPLIT = {"val": "validation", "validation": "val"}


class FolderSource(Source):
    """The image files below a folder, in the order of their names.

    Where every image lies in a sub-folder, the sub-folders directly below `root` are
    the classes. In Tiny ImageNet's archive, `val_annotations.txt` names the images and
    their classes, and a sub-folder `images` is not a class.
    """

    decoder = ImageDecoder()

    def __init__(self, path, split):
        self.name = f"folder:{path}"
        root = _split_folder(self.name, path, split)
        files = _list_images(self.name, root)
        self.num_images = len(files)
        self.paths = [os.path.join(root, file) for file in files]
        classes = _classes(root, files)
        if classes:
            names = sorted({*classes, *_sibling_classes(path, root)})
            self.class_names = tuple(names)
            self.has_labels = True
            self._labels = np.searchsorted(names, classes).astype(np.int64)

    def without(self, paths):
        if not paths:
            return self
        kept = np.array([path not in paths for path in self.paths])
        if kept.all():
            return self
        if not kept.any():
            raise InputError(f"{self.name} has no image that can be read")
        rest = copy.copy(self)
        # What is computed from all files, such as `image_shape`, is computed anew.
        for cached in ("image_shape", "images_in_memory", "records_in_memory"):
            rest.__dict__.pop(cached, None)
        rest.paths = [path for path, keep in zip(self.paths, kept, strict=True) if keep]
        rest.num_images = len(rest.paths)
        if self.has_labels:
            rest._labels = self._labels[kept]
        return rest

    @functools.cached_property
    def image_shape(self):
        """Read from the files' headers, only as far as both sides are seen to vary."""
        shape = None
        for path in self.paths:
            height, width = self._size(path)
            if shape is None:
                shape = [height, width]
            shape = [
                known if known == side else None
                for known, side in zip(shape, (height, width), strict=True)
            ]
            if shape == [None, None]:
                break
        return (*shape, 3)

    def _size(self, path):
        try:
            width, height = host.size(path)
        except host.ERRORS:
            # The decoder decides which files are images.
            unreadable = unreadable_image(self.decoder, path)
            if unreadable is not None:
                raise unreadable from None
            height, width, _ = self.decoder.read(path).shape
        return height, width

    def records(self, labels=False):
        paths = tf.data.Dataset.from_tensor_slices(file_names(self.paths))
        if not labels:
            return paths
        return tf.data.Dataset.zip(
            paths, tf.data.Dataset.from_tensor_slices(self._labels)
        )

    def contents(self, record):
        return tf.io.read_file(record)

    def label(self, record):
        return record


def _split_folder(name, path, split):
    if not path:
        raise InputError("folder: needs a path, as in folder:/path/to/images")
    root = os.path.expanduser(path)
    if os.path.isfile(root):
        raise InputError(f"{name} is a file, not a folder")
    if not os.path.isdir(root):
        raise InputError(f"{name} does not exist")
    for folder in (split, _SAME_SPLIT.get(split)):
        if folder and os.path.isdir(os.path.join(root, folder)):
            return os.path.join(root, folder)
    if split == "train":
        return root
    raise InputError(
        f"{name} has no split {split!r}: there is no sub-folder of that name "
        "(train_split or test_split asks for it; each folder has 'train')"
    )


def _list_images(name, root):
    files = []
    try:
        _walk(root, "", {os.path.realpath(root)}, files)
        if not files and not os.listdir(root):
            raise InputError(f"{name} is empty")
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from error
    if not files:
        suffixes = ", ".join(host.IMAGE_SUFFIXES)
        raise InputError(f"{name} has no images in it ({suffixes})")
    return files


def _walk(folder, prefix, above, files):
    """Appends the images below `folder`; `above` keeps links from going in circles."""
    found = []
    # Of a folder of a million files, names are all that is kept.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                found.append((entry.name, True))
            elif entry.name.lower().endswith(host.IMAGE_SUFFIXES) and _may_be_file(
                entry
            ):
                found.append((entry.name, False))
    for name, is_folder in sorted(found):
        if not is_folder:
            files.append(os.path.join(prefix, name))
            continue
        path = os.path.join(folder, name)
        target = os.path.realpath(path)
        if target not in above:
            _walk(path, os.path.join(prefix, name), {*above, target}, files)


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # A link to itself.
        return False


def _may_be_file(entry):
    """Whether it is not a pipe or device. A link may be broken, which reading tells."""
    return entry.is_symlink() or entry.is_file()


def _classes(root, files):
    """The class of each file, or None where there are none."""
    annotated = _annotated_classes(root)
    if annotated:
        return [_annotation(root, file, annotated) for file in files]
    if all(os.sep in file for file in files):
        classes = [file.split(os.sep, 1)[0] for file in files]
        return classes if set(classes) != {_NO_CLASS} else None
    return None


def _annotated_classes(root):
    """Classes by the names of files, from `val_annotations.txt`; none without it."""
    path = os.path.join(root, _ANNOTATIONS)
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return dict(line.split("\t")[:2] for line in lines if line.strip())


def _annotation(root, file, annotated):
    try:
        return annotated[os.path.basename(file)]
    except KeyError:
        raise InputError(
            f"{os.path.join(root, _ANNOTATIONS)} does not name the image {file}"
        ) from None


def _sibling_classes(path, root):
    """Classes of the other splits: a class must have one number in all of them."""
    base = os.path.expanduser(path)
    if os.path.samefile(base, root):
        return
    for split in _SPLITS:
        folder = os.path.join(base, split)
        if not os.path.isdir(folder):
            continue
        annotated = _annotated_classes(folder)
        yield from annotated.values()
        if not annotated:
            with os.scandir(folder) as entries:
                yield from (
                    entry.name
                    for entry in entries
                    if entry.is_dir()
                    and entry.name != _NO_CLASS
                    and not entry.name.startswith(".")
                )
