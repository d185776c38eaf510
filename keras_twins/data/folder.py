"""A folder of images, flat or with one sub-folder a class."""

import functools
import os

import numpy as np
import tensorflow as tf

from keras_twins import listing
from keras_twins.data import classes, converted, label_table, layout
from keras_twins.data.explain import reason_of_file, unreadable_image
from keras_twins.data.sources import Source
from keras_twins.data.survey import file_names
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder
from keras_twins.errors import InputError


class FolderSource(Source):
    """The image files of a split of a folder, in the order of their names.

    `layout` says which folders the split has, `classes` or `label_table` which class
    each image has. Files that TensorFlow does not read are read as `converted` has
    them; `paths` has the names that the user knows.

    Args:
        path: str.
        split: str.
        label_file: str, a table of labels; None for the sub-folders.
        levels: None, or `(low, high)`, as of `ImageDecoder`.
    """

    def __init__(self, path, split, label_file=None, levels=None):
        self.name = f"folder:{path}"
        self.decoder = ImageDecoder(levels)
        self._layout = layout.find(self.name, path)
        self._parts = self._layout.parts(split)
        self._split = split
        try:
            found = [
                listing.walk(part.folder, host.IMAGE_SUFFIXES, part.skip)
                for part in self._parts
            ]
        except OSError as error:
            raise layout.unopened(self.name, error) from error
        self._ignored = sum((one.ignored for one in found), start=listing.NOTHING)
        self.paths = [
            os.path.join(part.folder, file)
            for part, one in zip(self._parts, found, strict=True)
            for file in one.files
        ]
        self.num_images = len(self.paths)
        if not self.paths:
            raise self._no_images()
        self._chosen = frozenset()
        self._classes, self._notes = self._find_classes(label_file, found)
        if self._classes is not None:
            self.class_names = self._classes.names
            self.has_labels = True
            self._labels = self._classes.numbers

    def _find_classes(self, label_file, found):
        if label_file:
            roots = [self._layout.root, *self._layout.folders(), self._parts[0].folder]
            return label_table.read(os.path.expanduser(label_file), roots, self.paths)
        files = [one.files for one in found]
        return classes.of_folders(self._layout, self._split, self._parts, files)

    def _no_images(self):
        where = self._parts[0].folder
        if not os.listdir(where):
            return InputError(f"{self.name} is empty: there is nothing in {where}")
        ignored = listing.say_ignored(self._ignored)
        return InputError(
            f"{self.name} has no images in {where} ({', '.join(host.IMAGE_SUFFIXES)})"
            + (f"; {ignored}" if ignored else "")
        )

    def understood(self):
        images = listing.counted(self.num_images, "image")
        lines = [f"{images} in {layout.some(self._parts)}"]
        if self._classes is not None:
            lines += self._classes.lines()
        ignored = listing.say_ignored(self._ignored)
        return [
            *lines,
            *self._notes,
            *([ignored] if ignored else ()),
            *self._layout.lines(self._parts),
        ]

    def without(self, names):
        names = frozenset(names)
        if not names:
            return self
        kept = np.array([path not in names for path in self.paths])
        if not kept.any():
            raise InputError(f"{self.name} has no image that can be read")
        return self.only(kept)

    def converting(self, names):
        names = frozenset(names)
        return self._changed(_chosen=names) if names != self._chosen else self

    def labelled(self):
        if not self.has_labels:
            return self
        return self.only(self._labels != classes.NONE)

    def only(self, kept):
        if kept.all():
            return self
        rest = self._changed(
            paths=[path for path, keep in zip(self.paths, kept, strict=True) if keep],
            num_images=int(kept.sum()),
        )
        if self.has_labels:
            rest._labels = self._labels[kept]
        return rest

    @functools.cached_property
    def _readable(self):
        return converted.readable(self.name, self.paths, self._chosen)

    @property
    def read_paths(self):
        return self._readable.paths

    @property
    def originals(self):
        return self._readable.converted

    @property
    def reasons(self):
        return self._readable.reasons

    @property
    def deep(self):
        return self._readable.deep

    def reason_of(self, index):
        known = self.reasons.get(self.paths[index])
        return known or reason_of_file(self.decoder, self.read_paths[index])

    def repaired(self, index):
        return converted.can_be_converted(self.paths[index])

    def labels(self):
        return self._labels

    def damage(self, error):
        del error
        if any(not os.path.exists(path) for path in self.originals):
            return InputError(
                f"{self.name}: the cache of converted images, {converted.folder()}, "
                "was deleted while it was read; the same command makes it again"
            )
        return None

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
        paths = tf.data.Dataset.from_tensor_slices(file_names(self.read_paths))
        if not labels:
            return paths
        return tf.data.Dataset.zip(
            paths, tf.data.Dataset.from_tensor_slices(self._labels)
        )

    def contents(self, record):
        return tf.io.read_file(record)

    def label(self, record):
        return record
