"""Parquet files of embeddings: written in groups of rows, read into one array."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from keras_twins.collection import room
from keras_twins.errors import InputError

# A Parquet file is read best in large groups of rows.
_ROWS_IN_A_GROUP = 16_384


class Writer:
    """Columns `path`, `embedding`, `label` and further ones, in groups of rows."""

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

    def append(self, rows, paths, labels, columns):
        self._waiting.append((rows, paths, labels, columns))
        if sum(len(rows) for rows, *_ in self._waiting) >= _ROWS_IN_A_GROUP:
            self._write()

    def finish(self):
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self):
        parts, paths, labels, others = zip(*self._waiting, strict=True)
        columns = {}
        if paths[0] is not None:
            columns["path"] = self._path_column(sum(map(list, paths), []))
        columns["embedding"] = embedding_column(np.concatenate(parts))
        if labels[0] is not None:
            columns["label"] = pa.array(np.concatenate(labels))
        for name in others[0]:
            columns[name] = pa.array(np.concatenate([found[name] for found in others]))
        if self._writer is None:
            table = pa.table(columns)
            self._writer = pyarrow.parquet.ParquetWriter(self._beside, table.schema)
        else:
            # A group without a value in some column must not change the column's type.
            table = pa.table(columns).cast(self._writer.schema)
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


def read(paths):
    """Reads one collection from some Parquet files, one after the other.

    Args:
        paths: list of paths, at least one.

    Returns:
        Embeddings, paths, labels and further columns, a dict of arrays by name. Paths
        and labels are None where the first file has no such column. Columns that hold
        lists, structures or files are passed over: they may be larger than memory.
    """
    total = sum(pyarrow.parquet.read_metadata(path).num_rows for path in paths)
    schema = pyarrow.parquet.read_schema(paths[0])
    if "embedding" not in schema.names:
        raise ValueError(
            f"expected a column 'embedding'; it has {', '.join(schema.names)}"
        )
    known = [name for name in ("path", "embedding") if name in schema.names]
    others = [f.name for f in schema if f.name not in known and _is_plain(f.type)]
    names: list[str] | None = [] if "path" in known else None
    parts: dict[str, list[pa.Array]] = {name: [] for name in others}
    count, embeddings = 0, np.empty((0, 0), np.float32)
    for batch in _batches(paths, known + others):
        rows = _matrix(batch["embedding"])
        if count == 0:
            embeddings = room.empty((total, rows.shape[1]), paths[0])
        embeddings[count : count + len(rows)] = rows
        count += len(rows)
        if names is not None:
            names.extend(map(os.fsdecode, batch["path"].to_pylist()))
        for name in others:
            parts[name].append(batch[name])
    columns = {name: _array(found) for name, found in parts.items() if found}
    labels = columns.pop("label") if _are_labels(parts.get("label")) else None
    return embeddings, names, labels, columns


def _is_plain(kind):
    return not (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _are_labels(parts):
    """Whether a column `label` has a whole number for each row, as labels are."""
    return bool(parts) and all(
        pa.types.is_integer(part.type) and not part.null_count for part in parts
    )


def _array(parts):
    return np.concatenate(
        [_plain(part).to_numpy(zero_copy_only=False) for part in parts]
    )


def _plain(column):
    """A column without a dictionary of its values."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    return column


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
