"""An index of a large collection: its nearest neighbours without comparing all."""

import hashlib
import os
import pathlib

import numpy as np
import numpy.typing as npt

from keras_twins import files, progress
from keras_twins.collection.finite import count_other
from keras_twins.errors import InputError
from keras_twins.types import StrPath

SUFFIX = ".hnsw"

# Links of a point, points looked at while building, and while searching: the first two
# as in faiss's guidelines, the last so that 99 % of the ten nearest are found.
_LINKS, _BUILD, _SEARCH = 32, 100, 128
_ROWS_AT_A_TIME = 16_384
# Part of the fingerprint: an index that is built otherwise is another one.
_VERSION = f"HNSW {_LINKS} {_BUILD}"


class IndexedNeighbours:
    """As `keras_twins.collection.Neighbours`, by an index that is kept in a file.

    The index is HNSW (Malkov and Yashunin 2016, arXiv 1603.09320) of faiss. It stands
    beside the embeddings, and its name holds a fingerprint of their file. A file that
    changes gets another index, and the old one is removed.

    Args:
        embeddings: `(N, D)` float32 array, N and D of 1 or more.
        path: path of the file or folder that they were read from.

    Raises:
        InputError: for embeddings that hold NaN or infinity, where faiss is not
            installed, or where the index cannot be written.
    """

    def __init__(self, embeddings: npt.NDArray[np.float32], path: StrPath) -> None:
        try:
            import faiss
        except ImportError as error:
            raise InputError(
                "an index needs faiss: pip install 'keras-twins[index]'"
            ) from error
        self._faiss = faiss
        wrong = count_other(embeddings)
        if wrong:
            raise InputError(
                "The embeddings are not finite. Expected no NaN and no infinity. "
                f"Received: {wrong} of {len(embeddings)} rows that hold one"
            )
        self._width = embeddings.shape[1]
        kept = index_path(path)
        self._index = self._read(kept, embeddings.shape)
        if self._index is None:
            self._index = self._build(embeddings)
            self._keep(kept, pathlib.Path(path))
        self._index.hnsw.efSearch = _SEARCH

    def search(
        self, queries: npt.NDArray[np.floating], k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Finds about the k nearest embeddings of each query; nearly all are right.

        Args:
            queries: `(Q, D)` array without NaN; Q is 1 or more.
            k: int in 1..N.

        Returns:
            `(Q, k)` int64 array of row numbers, nearest first, and the `(Q, k)` float32
            array of their cosine similarities. A place that the index does not fill
            holds -1 and -1.

        Raises:
            ValueError: for queries of another width.
        """
        queries = np.array(queries, np.float32, order="C")
        if queries.ndim != 2 or queries.shape[1] != self._width:
            raise ValueError(
                "Queries and embeddings must come from one encoder. Expected queries "
                f"of width {self._width}. Received: shape={queries.shape}"
            )
        self._faiss.normalize_L2(queries)
        self._index.hnsw.efSearch = max(_SEARCH, 2 * k)
        similarities, indices = self._index.search(queries, k)
        return indices, np.where(indices < 0, np.float32(-1), similarities)

    def _build(self, embeddings):
        faiss = self._faiss
        index = faiss.IndexHNSWFlat(self._width, _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILD
        with progress.bar("building an index", len(embeddings), "embeddings") as bar:
            for start in range(0, len(embeddings), _ROWS_AT_A_TIME):
                rows = np.array(embeddings[start : start + _ROWS_AT_A_TIME], np.float32)
                faiss.normalize_L2(rows)
                index.add(rows)
                bar.update(len(rows))
        return index

    def _read(self, path, shape):
        """The index in a file; None where there is none, or one that is damaged."""
        if not path.exists():
            return None
        try:
            index = self._faiss.read_index(str(path))
        except RuntimeError:
            return None
        return index if (index.ntotal, index.d) == shape else None

    def _keep(self, path, of):
        try:
            with files.whole(path) as beside:
                self._faiss.write_index(self._index, str(beside))
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "it cannot be written"
            raise InputError(f"{path}: {reason}") from error
        for other in path.parent.iterdir():
            name = other.name
            if (
                name.startswith(f"{of.name}.")
                and name.endswith(SUFFIX)
                and len(name) == len(path.name)
                and other != path
            ):
                other.unlink(missing_ok=True)


def index_path(path: StrPath) -> pathlib.Path:
    """Where the index of a file of embeddings, or of a folder of shards, is kept."""
    path = pathlib.Path(path)
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    digest = hashlib.sha256(_VERSION.encode())
    for part in parts:
        status = os.stat(part)
        digest.update(f"{part.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return path.with_name(f"{path.name}.{digest.hexdigest()[:12]}{SUFFIX}")
