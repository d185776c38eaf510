"""Classes by a table: a CSV file of paths and labels, and of what else is known."""

import dataclasses
import os

import numpy as np

from keras_twins import listing, tables
from keras_twins.data.classes import NONE, Classes
from keras_twins.decode.modality import SUFFIXES


@dataclasses.dataclass(frozen=True)
class Table:
    """What a table says of some files.

    Attributes:
        labels: dict from the index of a file to its label, which is not empty.
        names: tuple of str, all labels of the table, in order.
        others: int, how many rows name a file that is there and none of these.
        missing: int, how many rows name a file that is not there.
        several: str, the first file with several labels, and these; else empty.
        columns: dict from the name of each further column, in lower case, to a dict
            from the index of a file to its cell, of the file's first row.
    """

    labels: dict[int, str]
    names: tuple[str, ...]
    others: int
    missing: int
    several: str
    columns: dict[str, dict[int, str]]


def read(modality, path, roots, files):
    """Classes by a table of labels.

    Args:
        modality: `keras_twins.decode.modality.Modality` of the files.
        path: str, a file of the columns path and label, separated by comma, semicolon
            or tab, with or without a header.
        roots: list of str, the folders that its paths may be relative to, besides its
            own.
        files: list of str, the paths of the files.

    Returns:
        `(classes, notes, table)`: the first two as of `classes.of_folders`, and the
        `Table` that they are of.

    Raises:
        InputError: for a table that cannot be read.
    """
    table = match(path, roots, files, "--config.labels")
    if table.several:
        why = f"{path} gives {table.several}, not one class per {modality.word}"
        return None, [f"no classes: {why}"], table
    numbers = numbered(table, len(files))
    notes = []
    if table.missing:
        rows_missing = listing.counted(table.missing, "row")
        notes.append(f"{rows_missing} of {path} without the file that is named")
    if len(table.labels) < len(files):
        without = listing.counted(len(files) - len(table.labels), modality.word)
        notes.append(f"{without} without a label in {path}")
    if not table.labels:
        none = f"no classes: {path} names none of the {modality.plural}"
        return None, [none, *notes], table
    return Classes(modality, table.names, numbers, notes), [], table


def match(path, roots, files, flag):
    """Reads a table and finds its files.

    Args:
        path, roots, files: as for `read`.
        flag: str, the flag that names the table, for messages.

    Returns:
        `Table`.

    Raises:
        InputError: for a table that cannot be read.
    """
    table = tables.read(flag, path, suffixes=SUFFIXES)
    paths, given = map(table.column, (tables.PATH, tables.LABEL))
    further = table.further()
    roots = [os.path.dirname(os.path.abspath(path)), *roots]
    place = {os.path.abspath(file): index for index, file in enumerate(files)}
    labels, others, missing, several = {}, 0, 0, ""
    columns = {name: {} for name in further}
    for row, (file, label) in enumerate(zip(paths, given, strict=True)):
        # As it is, and as a person means it who put spaces around it.
        names = dict.fromkeys(name.replace("\\", "/") for name in (file, file.strip()))
        candidates = [
            os.path.abspath(os.path.join(root, name))
            for name in names
            for root in roots
        ]
        known = [candidate for candidate in candidates if candidate in place]
        if known:
            index = place[known[0]]
            for name, cells in further.items():
                columns[name].setdefault(index, cells[row])
            if label and labels.setdefault(index, label) != label and not several:
                several = f"{file.strip()} several labels ({labels[index]}, {label})"
        elif not any(map(os.path.exists, candidates)):
            missing += 1
        else:
            others += 1
    classes = _sorted_names(set(filter(None, given)))
    return Table(labels, tuple(classes), others, missing, several, columns)


def numbered(table, count):
    """The class of each of `count` images as a number, int64; `NONE` without one."""
    number = {name: index for index, name in enumerate(table.names)}
    numbers = np.full(count, NONE, np.int64)
    for index, label in table.labels.items():
        numbers[index] = number[label]
    return numbers


def _sorted_names(names):
    """In the order of numbers where all are whole numbers, else of letters."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
