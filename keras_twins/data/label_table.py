"""Classes by a table: a CSV file of paths and labels, and of what else is known."""

import csv
import dataclasses
import os

import numpy as np

from keras_twins import listing
from keras_twins.data.classes import NONE, Classes
from keras_twins.decode.host import IMAGE_SUFFIXES
from keras_twins.decode.host_sounds import SOUND_SUFFIXES
from keras_twins.errors import InputError

_DELIMITERS = ",;\t"
_PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "image")
_LABEL_COLUMNS = ("label", "class", "category")


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
        modality: `keras_twins.data.modality.Modality` of the files.
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
    rows, names = _rows(path, flag)
    roots = [os.path.dirname(os.path.abspath(path)), *roots]
    place = {os.path.abspath(file): index for index, file in enumerate(files)}
    labels, others, missing, several = {}, 0, 0, ""
    columns = {name: {} for name in names}
    for file, label, *further in rows:
        file = file.replace("\\", "/")
        candidates = [os.path.abspath(os.path.join(root, file)) for root in roots]
        known = [candidate for candidate in candidates if candidate in place]
        if known:
            index = place[known[0]]
            for name, cell in zip(names, further, strict=True):
                columns[name].setdefault(index, cell)
            if label and labels.setdefault(index, label) != label and not several:
                several = f"{file} several labels ({labels[index]}, {label})"
        elif not any(map(os.path.exists, candidates)):
            missing += 1
        else:
            others += 1
    classes = _sorted_names({label for _, label, *_ in rows if label})
    return Table(labels, tuple(classes), others, missing, several, columns)


def numbered(table, count):
    """The class of each of `count` images as a number, int64; `NONE` without one."""
    number = {name: index for index, name in enumerate(table.names)}
    numbers = np.full(count, NONE, np.int64)
    for index, label in table.labels.items():
        numbers[index] = number[label]
    return numbers


def _rows(path, flag):
    """The rows of a table, file, label and further cells; the names of the further."""
    try:
        # Spreadsheets write a byte-order mark, which is not a part of the first name.
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{flag}={path} cannot be read: {reason}") from error
    lines = [line for line in lines if line.strip()]
    delimiter = max(_DELIMITERS, key=lambda mark: _columns(lines[:20], mark))
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)
    ]
    header = [cell.lower() for cell in rows[0]] if rows else []
    at = [_first(header, names) for names in (_PATH_COLUMNS, _LABEL_COLUMNS)]
    if None not in at:
        rows = rows[1:]
    elif len(header) == 2 and header[0].endswith((*IMAGE_SUFFIXES, *SOUND_SUFFIXES)):
        at, header = [0, 1], []
    else:
        has = ", ".join(rows[0]) if rows else "nothing"
        raise InputError(
            f"{flag}={path}: expected the columns path and label, separated "
            f"by comma, semicolon or tab; its first line has: {has}"
        )
    rows = [row for row in rows if len(row) > max(at)]
    further = [i for i, name in enumerate(header) if name and i not in at]
    at += further
    rows = [[row[i] if i < len(row) else "" for i in at] for row in rows]
    return rows, [header[i] for i in further]


def _columns(lines, delimiter):
    """How many columns each of some lines has at least."""
    return min((len(row) for row in csv.reader(lines, delimiter=delimiter)), default=0)


def _first(header, names):
    return next((header.index(name) for name in names if name in header), None)


def _sorted_names(names):
    """In the order of numbers where all are whole numbers, else of letters."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
