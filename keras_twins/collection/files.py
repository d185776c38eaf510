"""Files of embeddings: one reader and one writer."""

import contextlib
import dataclasses
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from keras_twins import files
from keras_twins.collection import formats, parquet, room
from keras_twins.errors import InputError
from keras_twins.types import StrPath

# How many rows of an array are written at a time.
_ROWS_AT_A_TIME = 16_384


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Embeddings of a collection, in its order.

    Attributes:
        embeddings: `(N, D)` float32 array, N and D of 1 or more.
        paths: list of N str, the files that were embedded, or None.
        labels: `(N,)` int64 array, or None.
        columns: dict of what else the file has of each embedding, such as split, width
            or hash: arrays of N values by name. A column `label` of text is here, too.
    """

    embeddings: npt.NDArray[np.float32]
    paths: list[str] | None = None
    labels: npt.NDArray[np.int64] | None = None
    columns: Mapping[str, npt.NDArray] = dataclasses.field(default_factory=dict)

    def only(self, rows: npt.NDArray[np.integer]) -> "Embeddings":
        """Those of some rows, an array of their numbers, in its order."""
        return Embeddings(
            self.embeddings[rows],
            None if self.paths is None else [self.paths[row] for row in rows],
            None if self.labels is None else self.labels[rows],
            {name: values[rows] for name, values in self.columns.items()},
        )


def read(path: StrPath) -> Embeddings:
    """Reads a file of embeddings, or a folder of shards.

    Args:
        path: path of a `.parquet`, `.npz` or `.npy` file; `write` describes them. Or of
            a folder whose `.parquet` files are read in the order of their names. Where
            they hold a path twice, as in a folder that is not finished, the last one
            counts.

    Returns:
        `Embeddings`. Those of a `.npy` file of float32 are mapped from it, so they may
        be larger than memory.

    Raises:
        InputError: for a file that is missing, has another suffix or holds something
            else, or for paths or labels that are more or fewer than the embeddings.
    """
    path = pathlib.Path(path)
    read_it = _read_folder if path.is_dir() else _format(path).read
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a file of embeddings")
    try:
        embeddings, paths, labels, columns = read_it(path)
        if embeddings.dtype.kind in "fiu" and embeddings.ndim == 2:
            embeddings = _as_float32(embeddings, path)
        return Embeddings(*_checked(embeddings, paths, labels, columns))
    except _OTHER_CONTENT as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise InputError(f"{path} does not hold embeddings: {reason}") from error


def write(
    path: StrPath,
    embeddings: npt.NDArray[np.floating] | Iterable[npt.NDArray[np.floating]],
    paths: Sequence[StrPath] | None = None,
    labels: npt.ArrayLike | None = None,
    columns: Mapping[str, npt.ArrayLike] | None = None,
) -> tuple[int, int]:
    """Writes embeddings to one file, which appears when all are written.

    - `.parquet`: columns `path` (string), `embedding` (list of D float32), `label`
      (int64) and further ones by their names.
    - `.npz`: arrays `embeddings`, `paths`, `labels` and further ones by their names.
    - `.npy`: the array of embeddings. Paths and labels go beside it, to
      `<name>.paths.npy` and `<name>.labels.npy`; there are no further columns.

    Args:
        path: path of the file, whose suffix chooses the format.
        embeddings: `(N, D)` array, or an iterable of batches `(n, D)`, which need not
            fit into memory together. They are written as float32.
        paths: N paths of the files that were embedded. Defaults to None.
        labels: N integers. Defaults to None.
        columns: dict of N values each by name, numbers or text. Defaults to None.

    Returns:
        `(N, D)`, the shape of what was written.

    Raises:
        InputError: for another suffix, a folder that does not exist, no embeddings, or
            paths or columns that the format cannot hold.
        ValueError: for arrays that do not fit together.

    Examples:
        >>> import tempfile, keras_twins as kt, numpy as np
        >>> path = tempfile.mkdtemp() + "/embeddings.npz"
        >>> kt.collection.write(path, np.eye(2), paths=["a.png", "b.png"])
        (2, 2)
        >>> kt.collection.read(path).paths
        ['a.png', 'b.png']
    """
    names = None if paths is None else [os.fspath(name) for name in paths]
    numbers = None if labels is None else np.asarray(labels)
    others = {name: np.asarray(values) for name, values in (columns or {}).items()}
    with writer(path) as file:
        for rows in _batches(embeddings):
            here = slice(file.count, file.count + len(rows))
            file.append(
                rows,
                None if names is None else names[here],
                None if numbers is None else numbers[here],
                {name: values[here] for name, values in others.items()},
            )
        for given in (names, numbers, *others.values()):
            if given is not None and len(given) != file.count:
                raise ValueError(
                    "Paths, labels and columns must fit the embeddings. Expected one "
                    f"value for each of {file.count} embeddings. "
                    f"Received: {len(given)}"
                )
    return file.count, file.width


@contextlib.contextmanager
def writer(path: StrPath) -> Iterator["Writer"]:
    """A file of embeddings that is written batch by batch.

    The file appears when the scope ends; if the scope fails, none appears and an older
    one stays.

    Args:
        path: as `write` takes it.

    Yields:
        `Writer`, to which the batches are appended.

    Raises:
        InputError: as `write`.
    """
    path = pathlib.Path(path)
    check_output(path)
    form = _format(path)
    with files.whole(path) as beside, form.Writer(beside, path) as file:
        checked = Writer(file)
        yield checked
        if checked.count == 0:
            raise InputError(f"{path}: there are no embeddings to write")
        file.finish()


def check_output(path: pathlib.Path) -> None:
    """Raises InputError unless embeddings can be written to a path."""
    _format(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {str(path.parent)!r}")


class Writer:
    """Appends batches to a file, if they fit together.

    Attributes:
        count: int, how many embeddings were appended.
        width: int, their width; 0 before the first.
    """

    def __init__(self, file):
        self._file = file
        self._given = None
        self.count = 0
        self.width = 0

    def append(
        self,
        rows: npt.ArrayLike,
        paths: Sequence[str] | None = None,
        labels: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.ArrayLike] | None = None,
    ) -> None:
        """Appends one batch.

        Args:
            rows: `(n, D)` array, written as float32.
            paths: n str, or None; the same for all batches.
            labels: n integers, or None; the same for all batches.
            columns: dict of n values each by name; the same names for all batches.

        Raises:
            ValueError: for a batch that does not fit the others.
        """
        found = Embeddings(*_checked(rows, paths, labels, columns or {}))
        width = found.embeddings.shape[1]
        given = width, paths is not None, labels is not None, *found.columns
        if self._given not in (None, given):
            raise ValueError(
                "The batches do not fit together. Expected (width, whether there are "
                "paths, whether there are labels, further columns) of "
                f"{self._given}, as of the first batch. Received: {given}"
            )
        self._given = given
        self.width = width
        self.count += len(found.embeddings)
        self._file.append(found.embeddings, found.paths, found.labels, found.columns)


def _read_folder(folder):
    found = sorted(p for p in folder.glob("*.parquet") if not p.name.startswith("."))
    if not found:
        raise ValueError("it has no .parquet file")
    embeddings, paths, labels, columns = parquet.read(found)
    last = {name: row for row, name in enumerate(paths or ())}
    if paths is None or len(last) == len(paths):
        return embeddings, paths, labels, columns
    rows = np.sort(np.fromiter(last.values(), int))
    for start in range(0, len(rows), _ROWS_AT_A_TIME):  # There may be no second room.
        some = rows[start : start + _ROWS_AT_A_TIME]
        embeddings[start : start + len(some)] = embeddings[some]
    return (
        embeddings[: len(rows)],
        [paths[row] for row in rows],
        None if labels is None else labels[rows],
        {name: values[rows] for name, values in columns.items()},
    )


def _format(path):
    if path.suffix not in formats.BY_SUFFIX:
        *others, last = formats.BY_SUFFIX
        suffixes = f"{', '.join(others)} or {last}"
        raise InputError(f"{path}: expected a name ending in {suffixes}")
    return formats.BY_SUFFIX[path.suffix]


def _batches(embeddings):
    """Embeddings in batches; those of an array in pieces."""
    if not isinstance(embeddings, np.ndarray):
        return embeddings
    starts = range(0, max(len(embeddings), 1), _ROWS_AT_A_TIME)
    return (embeddings[start : start + _ROWS_AT_A_TIME] for start in starts)


def _as_float32(rows, path):
    """Rows of a file as float32, in pieces where that takes a copy."""
    if rows.dtype == np.float32:
        return rows
    numbers = room.empty(rows.shape, path)
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        here = slice(start, start + _ROWS_AT_A_TIME)
        numbers[here] = rows[here]
    return numbers


def _checked(rows, paths, labels, columns):
    """The parts of some embeddings with their types, or what is wrong."""
    rows = np.asanyarray(rows)  # A mapped file stays one.
    if rows.dtype.kind not in "fiu" or rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            "Embeddings must be a matrix of numbers. Expected a shape `(N, D)` with N "
            f"and D of 1 or more. Received: shape={rows.shape}, dtype={rows.dtype}"
        )
    if labels is not None:
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu" or labels.ndim != 1:
            raise ValueError(
                "Labels must be whole numbers. Expected an integer for each embedding. "
                f"Received: shape={labels.shape}, dtype={labels.dtype}"
            )
        labels = labels.astype(np.int64, copy=False)
    columns = {name: np.asarray(values) for name, values in columns.items()}
    reserved = {"path", "embedding", "paths", "embeddings", "labels"}
    if reserved & columns.keys() or (labels is not None and "label" in columns):
        raise ValueError(
            "A further column cannot have the name of another one. Expected none of "
            f"{', '.join(sorted(reserved))}. Received: {', '.join(columns)}"
        )
    for name, given in (("paths", paths), ("labels", labels), *columns.items()):
        if given is not None and len(given) != len(rows):
            raise ValueError(
                f"The {name} do not fit the embeddings. Expected one for each of "
                f"{len(rows)} embeddings. Received: {len(given)}"
            )
    return rows.astype(np.float32, copy=False), paths, labels, columns


# What the libraries raise that read the files.
_OTHER_CONTENT = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
