"""The table of labels that a person makes: `path,label`, on the disk at once."""

import pathlib
import threading

from keras_twins import files, tables
from keras_twins.decode.modality import SUFFIXES
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
        known, table = set(paths), self._read()
        self.unknown = sum(path not in known for path in table.column(tables.PATH))
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
            table = self._read()
            table.set_label([self._paths[row] for row in rows], label)
            try:
                files.write_text(self.path, table.text())
            except OSError as error:
                reason = f"--labels={self.path}: {error.strerror}"
                raise InputError(reason) from error
            self._by_path = _by_path(table)

    def _read(self):
        """The table; one without rows where there is no file yet."""
        if not self.path.exists():
            return tables.empty()
        return tables.read("--labels", self.path, suffixes=SUFFIXES)


def _by_path(table):
    columns = table.column(tables.PATH), table.column(tables.LABEL)
    return {path: label for path, label in zip(*columns, strict=True) if label}
