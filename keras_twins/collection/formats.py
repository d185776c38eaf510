"""The three formats of a file of embeddings.

Each has a function `read(path)`, which returns embeddings, paths and labels, and a
`Writer(beside, path)`: a context with `append(rows, paths, labels)` and `finish()`. It
writes to `beside`, which the caller renames to `path`.
"""

import os
import shutil
import tempfile
import types
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from keras_twins import files
from keras_twins.errors import InputError

# A Parquet file is read best in large groups of rows.
_ROWS_IN_A_GROUP = 16_384


class _Columns:
    """Paths and labels, in memory until the embeddings are written."""

    def __init__(self):
        self._paths, self._labels = [], []

    def append(self, paths, labels):
        self._paths.extend(paths or ())
        if labels is not None:
            self._labels.append(labels)

    def arrays(self):
        """Arrays `paths` and `labels`, or None instead."""
        return {
            "paths": np.array(self._paths) if self._paths else None,
            "labels": np.concatenate(self._labels) if self._labels else None,
        }


class _NpyRows:
    """A `.npy` file that grows batch by batch."""

    def __init__(self, file):
        self._file = file
        self._shape = None

    def append(self, rows):
        if self._shape is None:
            self._shape = 0, rows.shape[1]
            self._write_header()
        self._file.write(np.ascontiguousarray(rows).data)
        self._shape = self._shape[0] + len(rows), self._shape[1]

    def finish(self):
        self._file.seek(0)
        self._write_header()
        self._file.flush()

    def _write_header(self):
        # NumPy pads the header so that a longer first axis does not make it longer.
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
            "fortran_order": False,
            "shape": self._shape,
        }
        np.lib.format.write_array_header_1_0(self._file, header)


class _NumpyWriter:
    """What both of NumPy's formats do until they are finished."""

    def __init__(self, file):
        self._file = file
        self._rows = _NpyRows(file)
        self._columns = _Columns()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def append(self, rows, paths, labels):
        self._rows.append(rows)
        self._columns.append(paths, labels)


class _NpyWriter(_NumpyWriter):
    """Embeddings in a `.npy` file; paths and labels beside it."""

    def __init__(self, beside, path):
        super().__init__(open(beside, "wb"))
        self._path = path

    def finish(self):
        self._rows.finish()
        for name, array in self._columns.arrays().items():
            companion = _companion(self._path, name)
            if array is None:
                # It would be of the file that this one replaces.
                companion.unlink(missing_ok=True)
                continue
            with files.whole(companion) as beside:
                np.save(beside, array)


def _read_npy(path):
    found = {}
    for name in ("paths", "labels"):
        companion = _companion(path, name)
        found[name] = np.load(companion) if companion.exists() else None
    return np.load(path, mmap_mode="r"), _strings(found["paths"]), found["labels"]


def _companion(path, name):
    return path.with_suffix(f".{name}.npy")


class _NpzWriter(_NumpyWriter):
    """Arrays `embeddings`, `paths` and `labels` in a `.npz` file, not compressed."""

    def __init__(self, beside, path):
        # The shape stands before the rows, and nothing in an archive can be changed. So
        # the rows wait in a file without a name, which goes when it is closed.
        super().__init__(tempfile.TemporaryFile(dir=path.parent))
        self._beside = beside

    def finish(self):
        self._rows.finish()
        with zipfile.ZipFile(self._beside, "w") as archive:
            for name, array in self._columns.arrays().items():
                if array is not None:
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, array)
            self._file.seek(0)
            with archive.open("embeddings.npy", "w", force_zip64=True) as entry:
                shutil.copyfileobj(self._file, entry, 2**20)


def _read_npz(path):
    with open(path, "rb") as file, np.load(file) as arrays:
        if "embeddings" not in arrays:
            raise ValueError(
                f"expected an array 'embeddings'; it has {', '.join(arrays) or 'none'}"
            )
        paths = arrays["paths"] if "paths" in arrays else None
        labels = arrays["labels"] if "labels" in arrays else None
        return arrays["embeddings"], _strings(paths), labels


def _strings(array):
    return None if array is None else [str(name) for name in array]


class _ParquetWriter:
    """Columns `path`, `embedding` and `label`, in groups of rows."""

    def __init__(self, beside, path):
        self._beside = beside
        self._path = path
        self._writer = None
        self._waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._writer is not None:
            self._writer.close()

    def append(self, rows, paths, labels):
        self._waiting.append((rows, paths, labels))
        if sum(len(rows) for rows, _, _ in self._waiting) >= _ROWS_IN_A_GROUP:
            self._write()

    def finish(self):
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self):
        parts, paths, labels = zip(*self._waiting, strict=True)
        rows = np.concatenate(parts)
        columns = {}
        if paths[0] is not None:
            columns["path"] = self._path_column(sum(map(list, paths), []))
        columns["embedding"] = embedding_column(rows)
        if labels[0] is not None:
            columns["label"] = pa.array(np.concatenate(labels))
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._beside, table.schema)
        self._writer.write_table(table)
        self._waiting = []

    def _path_column(self, paths):
        try:
            return pa.array(paths, pa.string())
        except UnicodeEncodeError as error:
            raise InputError(
                f"{self._path}: the path {error.object!r} is not UTF-8, which Parquet "
                "requires; write a .npz file"
            ) from error


def path_column(paths):
    """Paths as an Arrow array: text, or bytes where one of them is not UTF-8."""
    try:
        return pa.array(paths, pa.string())
    except UnicodeEncodeError:
        return pa.array(map(os.fsencode, paths), pa.binary())


def embedding_column(rows):
    """Embeddings `(N, D)` as an Arrow array of N lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])


def read_parquet(files_of_one):
    """Reads one collection from some Parquet files, one after the other.

    Args:
        files_of_one: list of paths, at least one.

    Returns:
        Embeddings, paths and labels; None for columns that the first file has not.
    """
    total = sum(pyarrow.parquet.read_metadata(path).num_rows for path in files_of_one)
    columns = pyarrow.parquet.read_schema(files_of_one[0]).names
    if "embedding" not in columns:
        raise ValueError(f"expected a column 'embedding'; it has {', '.join(columns)}")
    paths = [] if "path" in columns else None
    labels = [] if "label" in columns else None
    count, embeddings = 0, np.empty((0, 0), np.float32)
    wanted = [name for name in ("path", "embedding", "label") if name in columns]
    for batch in _batches(files_of_one, wanted):
        rows = _matrix(batch["embedding"])
        if count == 0:
            embeddings = np.empty((total, rows.shape[1]), np.float32)
        embeddings[count : count + len(rows)] = rows
        count += len(rows)
        if paths is not None:
            paths.extend(map(os.fsdecode, batch["path"].to_pylist()))
        if labels is not None:
            labels.append(batch["label"].to_numpy(zero_copy_only=False))
    return embeddings, paths, np.concatenate(labels) if labels else None


def _batches(paths, columns):
    for path in paths:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield from file.iter_batches(_ROWS_IN_A_GROUP, columns=columns)


def _matrix(column):
    """The lists of a column as an array, without a Python object for each number."""
    widths = pyarrow.compute.list_value_length(column).unique().to_pylist()
    values = column.flatten()
    if len(widths) != 1 or None in widths or values.null_count:
        raise ValueError("the column 'embedding' has gaps or lists of differing widths")
    return values.to_numpy(zero_copy_only=False).reshape(len(column), widths[0])


BY_SUFFIX = {
    ".parquet": types.SimpleNamespace(
        read=lambda path: read_parquet([path]), Writer=_ParquetWriter
    ),
    ".npz": types.SimpleNamespace(read=_read_npz, Writer=_NpzWriter),
    ".npy": types.SimpleNamespace(read=_read_npy, Writer=_NpyWriter),
}
"""What reads and writes each format, by the suffix of its files."""
