"""The three formats of a file of embeddings.

Each has a function `read(path)`, which returns embeddings, paths, labels and a dict of
further columns, and a `Writer(beside, path)`: a context with `append(rows, paths,
labels, columns)` and `finish()`. It writes to `beside`, which the caller renames to
`path`.
"""

import shutil
import struct
import tempfile
import types
import zipfile

import numpy as np

from keras_twins import files
from keras_twins.collection import parquet
from keras_twins.errors import InputError


class _Columns:
    """Paths, labels and further columns, in memory until the embeddings are written."""

    def __init__(self):
        self._paths, self._labels, self._others = [], [], {}

    def append(self, paths, labels, columns):
        self._paths.extend(paths or ())
        if labels is not None:
            self._labels.append(labels)
        for name, values in columns.items():
            self._others.setdefault(name, []).append(values)

    def arrays(self):
        """Arrays `paths` and `labels`, or None instead; and further columns."""
        return {
            "paths": np.array(self._paths) if self._paths else None,
            "labels": np.concatenate(self._labels) if self._labels else None,
            **{name: _without_objects(name, v) for name, v in self._others.items()},
        }


def _without_objects(name, parts):
    """A column as an array that NumPy writes: of text where it has objects."""
    values = np.concatenate(parts)
    if values.dtype != object:
        return values
    texts = ["" if value is None else value for value in values]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(
            f"The column {name!r} cannot be in a .npz file. Expected numbers or text. "
            "Received: objects; write a .parquet file"
        )
    return np.array(texts)


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

    def append(self, rows, paths, labels, columns):
        self._rows.append(rows)
        self._columns.append(paths, labels, columns)


class _NpyWriter(_NumpyWriter):
    """Embeddings in a `.npy` file; paths and labels beside it."""

    def __init__(self, beside, path):
        super().__init__(open(beside, "wb"))
        self._path = path

    def append(self, rows, paths, labels, columns):
        if columns:
            raise InputError(
                f"{self._path}: a .npy file has no place for the columns "
                f"{', '.join(columns)}; write a .parquet or .npz file"
            )
        super().append(rows, paths, labels, columns)

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
    rows = np.load(path, mmap_mode="r")
    return rows, _strings(found["paths"]), found["labels"], {}


def _companion(path, name):
    return path.with_suffix(f".{name}.npy")


class _NpzWriter(_NumpyWriter):
    """Arrays `embeddings`, `paths`, `labels` and further ones, not compressed."""

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
        rows = _mapped(path, "embeddings.npy")
        if rows is None:
            rows = arrays["embeddings"]
        paths = arrays["paths"] if "paths" in arrays else None
        labels = arrays["labels"] if "labels" in arrays else None
        columns = {
            name: arrays[name]
            for name in arrays.files
            if name not in ("embeddings", "paths", "labels")
        }
    columns = {n: v for n, v in columns.items() if v.shape[:1] == rows.shape[:1]}
    if labels is not None and labels.dtype.kind == "U":
        columns["label"], labels = labels, None
    return rows, _strings(paths), labels, columns


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _mapped(path, name):
    """An array of an archive, mapped from it; None where it is compressed."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        with archive.open(name) as array:
            version = np.lib.format.read_magic(array)
            read_header = _HEADERS.get(version)
            if read_header is None:
                return None
            shape, fortran_order, dtype = read_header(array)
            header = array.tell()
    with open(path, "rb") as file:
        # Name and extra field of an entry stand between its own header and its data.
        file.seek(entry.header_offset + 26)
        name_size, extra_size = struct.unpack("<HH", file.read(4))
    begin = entry.header_offset + 30 + name_size + extra_size + header
    order = "F" if fortran_order else "C"
    if dtype.hasobject or 0 in shape:
        return None
    return np.memmap(path, dtype, "r", begin, shape, order)


def _strings(array):
    return None if array is None else [str(name) for name in array]


BY_SUFFIX = {
    ".parquet": types.SimpleNamespace(
        read=lambda path: parquet.read([path]), Writer=parquet.Writer
    ),
    ".npz": types.SimpleNamespace(read=_read_npz, Writer=_NpzWriter),
    ".npy": types.SimpleNamespace(read=_read_npy, Writer=_NpyWriter),
}
"""What reads and writes each format, by the suffix of its files."""
