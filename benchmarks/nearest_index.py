"""Many queries among many embeddings: exact search, and an index, in one run.

    python -m benchmarks.nearest_index [EMBEDDINGS]

By default 1 000 queries among 100 000 embeddings of width 192 that are made up: points
around 1 000 centres of 24 dimensions, mixed into 192 and cut off at zero, as the last
layer of an encoder does. EMBEDDINGS is a file of others; 1 000 of them are the queries.
The index searches with one thread, and exact search with all cores. Queries per second
are given by the clock, and by the time of the processor for a machine that others use.
"""

import os
import resource
import sys
import tempfile
import time

import numpy as np

from keras_twins import collection
from keras_twins.collection.index import IndexedNeighbours

N, WIDTH, QUERIES, K = 100_000, 192, 1000, 10
_CENTRES, _DIMENSIONS = 1000, 24


def made_up(count, seed=0):
    """Embeddings as an encoder gives them, `(count, WIDTH)` float32."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((_CENTRES, _DIMENSIONS))
    points = centres[rng.integers(0, _CENTRES, count)]
    points = points + 0.7 * rng.standard_normal((count, _DIMENSIONS))
    mixed = points @ rng.standard_normal((_DIMENSIONS, WIDTH))
    mixed += 0.1 * rng.standard_normal(mixed.shape)
    return np.maximum(mixed, 0).astype(np.float32)


def timed(search, queries):
    """What a search finds; seconds by the clock, and of the processor."""
    search(queries[:1], K)  # What starts in the first call is not of a search.
    clock, processor = time.perf_counter(), time.process_time()
    found, _ = search(queries, K)
    return found, time.perf_counter() - clock, time.process_time() - processor


def main(path=None):
    import faiss  # An extra.

    rows = made_up(N + QUERIES) if path is None else collection.read(path).embeddings
    chosen = np.random.default_rng(0).permutation(len(rows))
    queries, rows = rows[chosen[:QUERIES]], rows[chosen[QUERIES:]]
    print(
        f"queries: {len(queries)}, embeddings: {len(rows)} of width {rows.shape[1]}, "
        f"{os.cpu_count()} cores"
    )
    exact, seconds, busy = timed(collection.Neighbours(rows).search, queries)
    cores = os.cpu_count()
    print(
        f"exact search: {QUERIES / seconds:.0f} queries/s, "
        f"{QUERIES * cores / busy:.0f} by the processor's time on {cores} cores"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"the whole process, embeddings included: {peak:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "embeddings.npy")
        collection.write(file, rows)
        start = time.perf_counter()
        index = IndexedNeighbours(rows, file)
        built = time.perf_counter() - start
        start = time.perf_counter()
        index = IndexedNeighbours(rows, file)
        opened = time.perf_counter() - start
    faiss.omp_set_num_threads(1)
    found, their_seconds, their_busy = timed(index.search, queries)
    same = [len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True)]
    print(
        f"index, one thread: {QUERIES / their_seconds:.0f} queries/s, "
        f"{QUERIES / their_busy:.0f} by the processor's time; "
        f"recall@{K} {sum(same) / exact.size:.4f}"
    )
    print(f"index: built in {built:.0f} s, opened again in {opened:.1f} s")
    print(f"index / exact search: {seconds / their_seconds:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
