"""Nearest neighbours in a collection, against all similarities sorted, in one run.

    python -m benchmarks.nearest [N D Q]

By default one query among 500 000 embeddings of width 192. The other side is what
`keras-twins neighbours` did in version 0.1: both matrices at length 1 in float64, their
product, and a full sort. Each side runs in a process of its own, which prints its times
and the memory that it took beside the embeddings.
"""

import os
import resource
import subprocess
import sys
import time

import numpy as np

K = 12


def search(embeddings, queries):
    """Indices; seconds of the first search, with all it prepares, and of the next."""
    from keras_twins.collection import Neighbours

    # TensorFlow traces the search in its first call.
    Neighbours(embeddings[:100]).search(queries, K)
    before, start = _peak(), time.perf_counter()
    neighbours = Neighbours(embeddings)
    neighbours.search(queries, K)
    first = time.perf_counter()
    indices, _ = neighbours.search(queries, K)
    return indices, first - start, time.perf_counter() - first, _peak() - before


def sort(embeddings, queries):
    """Indices and seconds; nothing is kept for a next search."""
    before, start = _peak(), time.perf_counter()
    similarities = _normalised(queries) @ _normalised(embeddings).T
    indices = np.argsort(-similarities, axis=1, kind="stable")[:, :K]
    seconds = time.perf_counter() - start
    return indices, seconds, seconds, _peak() - before


def _normalised(rows):
    rows = np.asarray(rows, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norms, np.finfo(np.float64).tiny)


def _peak():
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _measure(name, sizes):
    """Runs one side in a new process: its indices, seconds and megabytes."""
    command = [sys.executable, "-m", "benchmarks.nearest", name, *map(str, sizes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    indices, *numbers = done.stdout.split()
    return indices, *map(float, numbers)


def main(n=500_000, width=192, count=1):
    print(f"queries: {count}, embeddings: {n} of width {width}, {os.cpu_count()} cores")
    ours, first, our_time, our_memory = _measure("search", (n, width, count))
    theirs, _, their_time, their_memory = _measure("sort", (n, width, count))
    print(f"search: {first:.2f} s, the next {our_time:.2f} s, {our_memory:.0f} MB")
    print(f"sort: {their_time:.2f} s, {their_memory:.0f} MB")
    ratios = their_time / first, their_time / our_time
    print(
        "sort / search: {:.1f}, the next {:.1f};".format(*ratios),
        "the same neighbours" if ours == theirs else "OTHER NEIGHBOURS",
    )


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("search", "sort"):
        n, width, count = map(int, sys.argv[2:])
        generator = np.random.default_rng(0)
        collection = generator.standard_normal((n, width), np.float32)
        asked = generator.standard_normal((count, width), np.float32)
        side = {"search": search, "sort": sort}[sys.argv[1]]
        indices, *numbers = side(collection, asked)
        print(",".join(map(str, indices.ravel())), *numbers)
    else:
        main(*map(int, sys.argv[1:]))
