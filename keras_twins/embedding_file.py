"""Writes embeddings and the paths of their images as one file, batch by batch."""

import contextlib
import itertools
import os
import zipfile

import numpy as np

from keras_twins.errors import InputError

_PARQUET_ROWS_AT_A_TIME = 16_384


def check_output(path):
    """Raises InputError unless embeddings can be written to the path."""
    if path.suffix not in (".npz", ".parquet"):
        raise InputError(f"--output={path}: expected a name ending in .npz or .parquet")
    if not path.parent.is_dir():
        raise InputError(f"--output={path}: there is no folder {str(path.parent)!r}")


def save_embeddings(path, files, batches):
    """Writes embeddings as one whole file, holding few of them in memory.

    The file appears when all are written; if a batch fails, none appears.

    Args:
        path: `pathlib.Path` ending in `.npz` (arrays `paths` and `embeddings`) or
            `.parquet` (columns `path` and `embedding`).
        files: list of paths, one for each embedding.
        batches: iterable of float32 arrays `(batch, width)`, at least one.

    Returns:
        int. The embeddings' width.
    """
    names = [str(file) for file in files]
    batches = iter(batches)
    first = next(batches)
    batches = itertools.chain([first], batches)
    width = first.shape[1]
    written = path.with_name(f".{path.name}.tmp")
    write = _write_npz if path.suffix == ".npz" else _write_parquet
    try:
        write(written, names, batches, width)
        os.replace(written, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            written.unlink()
        raise
    return width


def _write_npz(path, names, batches, width):
    # As `numpy.savez` writes it, which would need all embeddings at once.
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("paths.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, np.array(names))
        with archive.open("embeddings.npy", "w", force_zip64=True) as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
                "fortran_order": False,
                "shape": (len(names), width),
            }
            np.lib.format.write_array_header_1_0(file, header)
            for batch in batches:
                file.write(np.ascontiguousarray(batch).data)


def _write_parquet(path, names, batches, width):
    import pyarrow as pa
    import pyarrow.parquet

    schema = pa.schema(
        [("path", pa.string()), ("embedding", pa.list_(pa.float32(), width))]
    )
    names = iter(names)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for rows in _gathered(batches, _PARQUET_ROWS_AT_A_TIME):
            values = pa.array(rows.ravel())
            columns = [
                pa.array(itertools.islice(names, len(rows)), pa.string()),
                pa.FixedSizeListArray.from_arrays(values, width),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _gathered(batches, least):
    """Puts batches together: a parquet file is read best in large groups of rows."""
    gathered = []
    for batch in batches:
        gathered.append(batch)
        if sum(map(len, gathered)) >= least:
            yield np.concatenate(gathered)
            gathered = []
    if gathered:
        yield np.concatenate(gathered)
