"""CSV tables of files and their labels: one reader, and a text to write again."""

import csv
import io
import itertools
from collections.abc import Sequence

from keras_twins.errors import InputError
from keras_twins.types import StrPath

PATH, LABEL = "path", "label"
_DELIMITERS = ",;\t"
# What else people call these columns.
_NAMES = {
    PATH: (PATH, "file", "filename", "file_name", "filepath", "image"),
    LABEL: (LABEL, "class", "category"),
}
# From so many rows the delimiter is told.
_LOOKED_AT = 20


class Table:
    """A table in memory, as it was written.

    Args:
        header: list of str, the first line; empty where it holds a file already.
        rows: list of lists of str, each as long as `places` asks.
        places: dict from "path" and "label" to the column that holds it.
        delimiter: str.

    Attributes:
        header: as given.
    """

    def __init__(self, header, rows, places, delimiter=","):
        self.header = header
        self._rows = rows
        self._places = places
        self._delimiter = delimiter

    def column(self, name):
        """A column, a list of str: "path", or "label" without spaces around."""
        place = self._places[name]
        values = [row[place] for row in self._rows]
        return values if name == PATH else [value.strip() for value in values]

    def further(self):
        """The columns beside these: dict from a name in lower case to a list of str."""
        known = set(self._places.values())
        return {
            name.strip().lower(): [row[place].strip() for row in self._rows]
            for place, name in enumerate(self.header)
            if name.strip() and place not in known
        }

    def set_label(self, paths, label):
        """Puts a label beside paths; those that it lacks get rows at its end."""
        path_at, label_at = self._places[PATH], self._places[LABEL]
        missing = dict.fromkeys(paths)
        given = set(missing)
        for row in self._rows:
            if row[path_at] in given:
                row[label_at] = label
                missing.pop(row[path_at], None)
        width = max(len(self.header), path_at + 1, label_at + 1)
        for path in missing if label else ():
            row = [""] * width
            row[path_at], row[label_at] = path, label
            self._rows.append(row)

    def text(self):
        """The table as the text of a file."""
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=self._delimiter, lineterminator="\n")
        writer.writerows([self.header] * bool(self.header) + self._rows)
        return file.getvalue()


def empty():
    """A `Table` of the columns path and label without rows."""
    return Table([PATH, LABEL], [], {PATH: 0, LABEL: 1})


def read(
    flag: str,
    path: StrPath,
    columns: Sequence[str] = (PATH, LABEL),
    suffixes: tuple[str, ...] = (),
) -> Table:
    """Reads a table.

    Columns are separated by comma, semicolon or tab. Names of files need not be UTF-8.

    Args:
        flag: str, the flag that names the file, for messages.
        path: path of the file.
        columns: "path", "label" or both: what it must have.
        suffixes: tuple of str, in lower case. A table of two columns whose first line
            begins with a file of these needs no header.

    Returns:
        `Table`.

    Raises:
        InputError: for a file that cannot be read or lacks a column, and for a line
            that cannot be understood: its number is told.
    """
    where = f"{flag}={path}"
    try:
        # Spreadsheets write a byte-order mark, which is not a part of the first name.
        with open(
            path, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as file:
            text = file.read()
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror}") from error
    delimiter = max(_DELIMITERS, key=lambda mark: _width(text, mark))
    lines, numbers = _lines(text, delimiter, where)
    header, places = _header(lines, columns, suffixes, where)
    rows, numbers = lines[bool(header) :], numbers[bool(header) :]
    width = len(header) or max(places.values()) + 1
    for row, number in zip(rows, numbers, strict=True):
        _check(row, number, width, places, where)
        row += [""] * (width - len(row))
    return Table(header, rows, places, delimiter)


def _width(text, delimiter):
    """How many columns each of the first rows has at least."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = list(itertools.islice(filter(None, reader), _LOOKED_AT))
    except csv.Error:
        return 0
    return min(map(len, rows), default=0)


def _lines(text, delimiter, where):
    """The rows that are not empty, and the number of the line where each ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, numbers = [], []
    try:
        for line in reader:
            if any(cell.strip() for cell in line):
                lines.append(line)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{where}: line {reader.line_num}: {error}") from error
    return lines, numbers


def _header(lines, columns, suffixes, where):
    """The header, empty where there is none, and the places of the columns."""
    first = lines[0] if lines else []
    names = [cell.strip().lower() for cell in first]
    places = {}
    for column in _NAMES:
        known = (names.index(name) for name in _NAMES[column] if name in names)
        place = next(known, None)
        if place is not None:
            places[column] = place
    if set(columns) <= places.keys():
        return first, places
    if len(first) == 2 and names[0].endswith(suffixes):
        return [], {PATH: 0, LABEL: 1}
    has = ", ".join(cell.strip() for cell in first)[:100] or "nothing"
    expected = " and ".join(columns)
    raise InputError(
        f"{where}: expected the column{'s' * (len(columns) > 1)} {expected}, separated "
        f"by comma, semicolon or tab; its first line has: {has}"
    )


def _check(row, number, width, places, where):
    """Raises InputError for a row that says something else than it seems to."""
    if any(cell.strip() for cell in row[width:]):
        raise InputError(
            f"{where}: line {number} has {len(row)} columns, and the table has "
            f"{width}; put quotes around a value that holds the separator"
        )
    place = places.get(LABEL, width)
    label = row[place] if place < len(row) else ""
    if any("\udc80" <= character <= "\udcff" for character in label):
        raise InputError(
            f"{where}: line {number}, column {place + 1}: the label is not UTF-8 text"
        )
