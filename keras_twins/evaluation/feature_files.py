"""Where rows of features are gathered: in memory, or in a file that may be larger."""

import os
import pathlib

import numpy as np

from keras_twins.errors import InputError

# A Parquet file is read best in large groups of rows.
_ROWS_IN_A_GROUP = 16_384


def gatherer(output):
    """What gathers features for a path: `Array`, `NpyFile` or `ParquetFile`.

    Each is a context in which `append(rows)`, of a file also with labels, is called for
    each batch, and `finish()` at the end; a file has its name only then.

    Raises:
        ValueError: for a path that ends otherwise.
    """
    if output is None:
        return Array()
    suffix = pathlib.Path(output).suffix
    if suffix not in (".npy", ".parquet"):
        raise ValueError(
            "Invalid value for argument `output`. Expected a path ending in .npy or "
            f".parquet. Received: output={str(output)!r}"
        )
    return NpyFile(output) if suffix == ".npy" else ParquetFile(output)


class Array:
    """Rows in memory, in one array that grows where it lies."""

    def __init__(self):
        self._array = None
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def append(self, rows, labels=None):
        del labels
        if self._array is None:
            self._array = np.empty((0, *rows.shape[1:]), rows.dtype)
        stop = self._count + len(rows)
        if stop > len(self._array):
            self._resize(max(stop, len(self._array) * 3 // 2))
        self._array[self._count : stop] = rows
        self._count = stop

    def finish(self):
        if self._count == 0:
            raise InputError(_EMPTY)
        self._resize(self._count)
        return self._array

    def _resize(self, count):
        # Nothing else refers to the array before `finish` has returned it.
        self._array.resize((count, *self._array.shape[1:]), refcheck=False)


class NpyFile:
    """Rows in a `.npy` file, which has its name only when it is complete."""

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self.labels_path = self._path.with_suffix(".labels.npy")
        self._count = 0
        self._width = None

    def __enter__(self):
        self._file = open(self._partial, "wb")
        return self

    def __exit__(self, *error):
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def append(self, rows, labels=None):
        del labels
        if self._width is None:
            self._width = rows.shape[1]
            self._write_header()
        rows.tofile(self._file)
        self._count += len(rows)

    def finish(self):
        if self._count == 0:
            raise InputError(_EMPTY)
        self._file.seek(0)
        self._write_header()
        self._file.close()
        os.replace(self._partial, self._path)
        return np.load(self._path, mmap_mode="r")

    def _write_header(self):
        # NumPy pads the header so that a longer first axis does not make it longer.
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
            "fortran_order": False,
            "shape": (self._count, self._width),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


class ParquetFile:
    """Rows in a `.parquet` file, columns `embedding` and, where there are, `label`."""

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._writer = None
        self._waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._writer is not None:
            self._writer.close()
        self._partial.unlink(missing_ok=True)

    def append(self, rows, labels=None):
        self._waiting.append((rows, labels))
        if sum(len(rows) for rows, _ in self._waiting) >= _ROWS_IN_A_GROUP:
            self._write()

    def finish(self):
        if self._waiting:
            self._write()
        if self._writer is None:
            raise InputError(_EMPTY)
        self._writer.close()
        os.replace(self._partial, self._path)

    def _write(self):
        import pyarrow as pa
        import pyarrow.parquet

        parts, labels = zip(*self._waiting, strict=True)
        rows = np.concatenate(parts)
        values = pa.array(rows.ravel())
        columns = {
            "embedding": pa.FixedSizeListArray.from_arrays(values, rows.shape[1])
        }
        if labels[0] is not None:
            columns["label"] = pa.array(np.concatenate(labels))
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._partial, table.schema)
        self._writer.write_table(table)
        self._waiting = []


_EMPTY = "There is nothing to embed. Expected at least one image. Received: none"
