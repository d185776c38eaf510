"""The table of labels that a person makes: `path,label`, on the disk at once."""

import csv
import io
import pathlib
import threading

from keras_twins import files
from keras_twins.errors import InputError

# What fits into a line of the page.
LONGEST = 200  # characters


class Labels:
    """Labels of a collection's files, kept in a CSV file.

    The file is read again before it is written. So what another program wrote meanwhile
    stays, and so do rows of other files and further columns.

    Args:
        path: path of the file, which need not exist.
        paths: list of N str, the files of the collection.

    Attributes:
        path: `pathlib.Path`.
        unknown: int, how many rows of the file name other files than those.

    Raises:
        InputError: for a file that cannot be read or has other columns, or whose folder
            does not exist.
    """

    def __init__(self, path, paths):
        self.path = pathlib.Path(path)
        self._paths = paths
        self._lock = threading.Lock()
        if not self.path.absolute().parent.is_dir():
            raise InputError(f"--labels={self.path}: there is no such folder")
        known, table = set(paths), read_table("--labels", self.path, ("path", "label"))
        self.unknown = sum(path not in known for path in table.column("path"))
        self._by_path = _by_path(table)

    def of_rows(self):
        """The label of each file, list of N str; "" where it has none."""
        return [self._by_path.get(path, "") for path in self._paths]

    def save(self, rows, label):
        """Gives files a label, and writes the table.

        Args:
            rows: list of int, rows of the collection.
            label: str; "" takes a label away.

        Raises:
            InputError: for a label that is not one line of up to 200 characters, and a
                table that cannot be written or has become something else meanwhile.
        """
        label = label.strip()
        if len(label) > LONGEST or not label.isprintable():
            raise InputError(f"a label is one line of up to {LONGEST} characters")
        with self._lock:
            table = read_table("--labels", self.path, ("path", "label"))
            table.set([self._paths[row] for row in rows], label)
            try:
                files.write_text(self.path, table.text())
            except OSError as error:
                reason = f"--labels={self.path}: {error.strerror}"
                raise InputError(reason) from error
            self._by_path = _by_path(table)


class Table:
    """A CSV table in memory.

    Args:
        header: list of str, the names of its columns.
        lines: list of lists of str.
    """

    def __init__(self, header, lines):
        self._header = header
        self._lines = lines

    def column(self, name):
        """One of its columns, a list of str."""
        place = self._header.index(name)
        return [line[place] for line in self._lines]

    def set(self, paths, label):
        """Puts a label beside paths; those that the table lacks get rows at its end."""
        path_at, label_at = map(self._header.index, ("path", "label"))
        missing = dict.fromkeys(paths)
        given = set(missing)
        for line in self._lines:
            if line[path_at] in given:
                line[label_at] = label
                missing.pop(line[path_at], None)
        for path in missing if label else ():
            line = [""] * len(self._header)
            line[path_at], line[label_at] = path, label
            self._lines.append(line)

    def text(self):
        """The table as the text of a CSV file."""
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator="\n").writerows([self._header, *self._lines])
        return file.getvalue()


def read_table(flag, path, columns):
    """Reads a CSV table of some columns, or an empty one where there is no file.

    Args:
        flag: str, which flag names the file, for messages.
        path: path of the file.
        columns: names of the columns that it must have.

    Returns:
        `Table`.

    Raises:
        InputError: for a file that cannot be read or lacks a column.
    """
    try:
        # Spreadsheets write a byte-order mark. Names of files need not be UTF-8.
        with open(
            path, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as file:
            header, *lines = [line for line in csv.reader(file) if line] or [[]]
    except FileNotFoundError:
        return Table(list(columns), [])
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{flag}={path} cannot be read: {reason}") from error
    if not set(columns) <= set(header):
        found = ",".join(header) if header else "nothing"
        raise InputError(
            f"{flag}={path}: expected the columns {','.join(columns)}; its first line "
            f"has: {found[:100]}"
        )
    width = len(header)
    return Table(header, [(line + [""] * width)[:width] for line in lines])


def _by_path(table):
    columns = table.column("path"), table.column("label")
    return {path: label for path, label in zip(*columns, strict=True) if label}
