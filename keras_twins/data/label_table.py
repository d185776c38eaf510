"""Classes by a table of labels: a CSV file of paths and labels."""

import dataclasses
import os

import numpy as np

from keras_twins import listing, tables
from keras_twins.data.classes import NONE, Classes
from keras_twins.decode.host import IMAGE_SUFFIXES


@dataclasses.dataclass(frozen=True)
class Table:
    """What a table says of some images.

    Attributes:
        labels: dict from the index of an image to its label, which is not empty.
        names: tuple of str, all labels of the table, in order.
        others: int, how many rows name a file that is there and none of the images.
        missing: int, how many rows name a file that is not there.
        several: str, the first image with several labels, and these; else empty.
    """

    labels: dict[int, str]
    names: tuple[str, ...]
    others: int
    missing: int
    several: str


def read(path, roots, files):
    """Classes by a table of labels.

    Args:
        path: str, a file of the columns path and label, separated by comma, semicolon
            or tab, with or without a header.
        roots: list of str, the folders that its paths may be relative to, besides its
            own.
        files: list of str, the paths of the images.

    Returns:
        `(classes, notes)`, as `classes.of_folders`.

    Raises:
        InputError: for a table that cannot be read.
    """
    table = match(path, roots, files, "--config.labels")
    if table.several:
        return None, [
            f"no classes: {path} gives {table.several}, not one class per image"
        ]
    numbers = numbered(table, len(files))
    notes = []
    if table.missing:
        rows_missing = listing.counted(table.missing, "row")
        notes.append(f"{rows_missing} of {path} without the file that is named")
    if len(table.labels) < len(files):
        without = listing.counted(len(files) - len(table.labels), "image")
        notes.append(f"{without} without a label in {path}")
    if not table.labels:
        return None, [f"no classes: {path} names none of the images", *notes]
    return Classes(table.names, numbers, notes), []


def match(path, roots, files, flag):
    """Reads a table and finds its images.

    Args:
        path, roots, files: as for `read`.
        flag: str, the flag that names the table, for messages.

    Returns:
        `Table`.

    Raises:
        InputError: for a table that cannot be read.
    """
    table = tables.read(flag, path, suffixes=IMAGE_SUFFIXES)
    rows = list(zip(*map(table.column, (tables.PATH, tables.LABEL)), strict=True))
    roots = [os.path.dirname(os.path.abspath(path)), *roots]
    place = {os.path.abspath(file): index for index, file in enumerate(files)}
    labels, others, missing, several = {}, 0, 0, ""
    for file, label in rows:
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
            if label and labels.setdefault(index, label) != label and not several:
                several = f"{file.strip()} several labels ({labels[index]}, {label})"
        elif not any(map(os.path.exists, candidates)):
            missing += 1
        else:
            others += 1
    names = _sorted_names({label for _, label in rows if label})
    return Table(labels, tuple(names), others, missing, several)


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
