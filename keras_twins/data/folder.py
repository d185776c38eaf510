"""A folder of files of one modality, flat or with one sub-folder a class."""

import dataclasses
import functools
import os

import numpy as np
import tensorflow as tf

from keras_twins import listing
from keras_twins.data import classes, converted, label_table, layout
from keras_twins.data.explain import reason_of_file
from keras_twins.data.sources import Source
from keras_twins.data.survey import file_names
from keras_twins.errors import InputError

# The column of a table that says which split a file is of.
_SPLIT = "split"


class FolderSource(Source):
    """The files of a split of a folder, in the order of their names.

    `layout` says which folders the split has, `classes` or `label_table` which class
    each file has. Where the folder has no splits, a table's column `split` says them.
    Files that TensorFlow does not read are read as `converted` has them; `paths` has
    the names that the user knows.

    Args:
        modality: `keras_twins.decode.modality.Modality` of the files.
        decoder: `Decoder`.
        path: str.
        split: str.
        label_file: str, a table of labels; None for the one that the modality looks
            for in the folder, or the sub-folders.

    Attributes:
        columns: dict from the name of each further column of the table to a list of
            str, a cell per file, which is empty where the table has none.
    """

    def __init__(self, modality, decoder, path, split, label_file=None):
        self.name = f"{modality.prefix}{path}"
        self.word = modality.word
        self.decoder = decoder
        self.modality = modality
        self._layout = layout.find(modality, self.name, path)
        table = self._table(label_file)
        is_open = table is not None and self._layout.leaves_open(split)
        self._parts = self._layout.parts("train" if is_open else split)
        self._split = split
        try:
            found = [
                listing.walk(part.folder, modality.suffixes, part.skip)
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
            raise self._no_files()
        self._chosen = frozenset()
        self._find_classes(table, [one.files for one in found])
        if is_open:
            self._take_split()

    def _table(self, label_file):
        """The path of the table of labels; None without one."""
        if label_file:
            return os.path.expanduser(label_file)
        if self.modality.table is None:
            return None
        beside = os.path.join(self._layout.root, self.modality.table)
        return beside if os.path.isfile(beside) else None

    def _find_classes(self, table, files):
        """Reads classes, and what else a table says of the files."""
        found = None
        if table is None:
            self._classes, self._notes = classes.of_folders(
                self._layout, self._split, self._parts, files
            )
        else:
            roots = [self._layout.root, *self._layout.folders(), self._parts[0].folder]
            self._classes, self._notes, found = label_table.read(
                self.modality, table, roots, self.paths
            )
        if self._classes is not None:
            self.class_names = self._classes.names
            self.has_labels = True
            self._labels = self._classes.numbers
        self.columns = {
            name: [cells.get(index, "") for index in range(self.num_images)]
            for name, cells in (found.columns if found else {}).items()
        }

    def _take_split(self):
        """Keeps the files of the split, where a column of the table says them."""
        cells = self.columns.get(_SPLIT)
        if cells is None:
            self._layout.parts(self._split)  # It is not there, which it says.
            return
        kept = np.array([layout.same_split(cell, self._split) for cell in cells])
        names = sorted({cell for cell in cells if cell})
        if not kept.any():
            raise InputError(
                f"{self.name} has no split {self._split!r}: its table has "
                f"{', '.join(names)} in the column {_SPLIT}"
            )
        vars(self).update(vars(self.only(kept)))
        if self._classes is not None:
            numbers = self._classes.numbers[kept]
            self._classes = dataclasses.replace(self._classes, numbers=numbers)
        said = ", ".join(f"{name} {cells.count(name):,}" for name in names)
        self._notes = [*self._notes, f"splits by the table's column {_SPLIT}: {said}"]

    def _no_files(self):
        where = self._parts[0].folder
        if not os.listdir(where):
            return InputError(f"{self.name} is empty: there is nothing in {where}")
        ignored = listing.say_ignored(self._ignored)
        return InputError(
            f"{self.name} has no {self.modality.plural} in {where} "
            f"({', '.join(self.modality.suffixes)})"
            + (f"; {ignored}" if ignored else "")
        )

    def understood(self):
        files = listing.counted(self.num_images, self.word)
        lines = [f"{files} in {layout.some(self._parts)}"]
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
            raise InputError(f"{self.name} has no {self.word} that can be read")
        return self.only(kept)

    def converting(self, names):
        names = frozenset(names)
        return self._changed(_chosen=names) if names != self._chosen else self

    def labelled(self):
        if not self.has_labels:
            return self
        return self.only(self._labels != classes.NONE)

    def only(self, kept):
        return self if kept.all() else self.at(np.flatnonzero(kept))

    def at(self, places):
        """The source of the files at some places, in their order.

        Args:
            places: int array, each place once at most; not empty.
        """
        rest = self._changed(
            paths=[self.paths[place] for place in places], num_images=len(places)
        )
        if self.has_labels:
            rest._labels = self._labels[places]
        rest.columns = {
            name: [cells[place] for place in places]
            for name, cells in self.columns.items()
        }
        return rest

    @functools.cached_property
    def _readable(self):
        return converted.readable(self.modality, self.name, self.paths, self._chosen)

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
        if reason_of_file(self.decoder, self.read_paths[index]) is None:
            return False  # It is decoded, and cannot be used.
        return converted.can_be_converted(self.modality, self.paths[index])

    def labels(self):
        return self._labels

    def damage(self, error):
        del error
        if any(not os.path.exists(path) for path in self.originals):
            return InputError(
                f"{self.name}: the cache of converted {self.modality.plural}, "
                f"{converted.folder(self.modality)}, was deleted while it was read; "
                "the same command makes it again"
            )
        return None

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
