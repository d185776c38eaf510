"""What the files of a collection are, by their first bytes."""

import concurrent.futures
import functools
import os
import time

from keras_twins import progress
from keras_twins.decode import host, kinds

# What a file is: read by the graph, the same with samples of 16 bits, or converted.
PLAIN, DEEP, CONVERT = range(3)

_JPEG = kinds.IN_GRAPH[kinds.JPEG]
_USUAL_FRAMES = (b"\xff\xc0", b"\xff\xc2")
_CHUNK = 256
# Seconds that a file takes from a disk that one waits for.
_FAR = 1e-3


def looks(modality, name, paths):
    """What each file of a modality is, a list of `PLAIN`, `DEEP` or `CONVERT`."""
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    title = f"looking at first bytes of {name}"
    bar = progress.bar(title, len(paths), modality.plural)
    look_at = functools.partial(_look_at, modality)
    found = []
    with bar as counted:
        began = time.perf_counter()
        for some in map(look_at, chunks[:1]):
            found += some
            counted.update(len(some))
        # Threads wait for a disk that is far away; of a near one, they make it slower.
        is_far = time.perf_counter() - began > _FAR * len(found)
        with concurrent.futures.ThreadPoolExecutor(2 * threads()) as pool:
            look_at_all = pool.map if is_far else map
            for some in look_at_all(look_at, chunks[1:]):
                found += some
                counted.update(len(some))
    return found


def _look_at(modality, paths):
    return [_look(modality, path) for path in paths]


def _look(modality, path):
    try:
        first = head(path)
    except OSError:
        return PLAIN  # Reading it says why.
    if modality.needs_conversion(first):
        return CONVERT
    return DEEP if modality.is_deep(first) else PLAIN


def head(path):
    """The first bytes of a file, as many as it takes to know its kind.

    By the system's calls: a hundred thousand files are looked at before each run.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        first = os.read(file, 4096)
        # Of the JPEGs that no camera makes, the frame says so: behind a thumbnail.
        if first.startswith(_JPEG) and not any(map(first.__contains__, _USUAL_FRAMES)):
            first += os.read(file, host.HEAD_BYTES - len(first))
        return first
    finally:
        os.close(file)


def threads():
    """How many threads read or convert files."""
    # Each may hold an image of a hundred million pixels.
    return min(os.cpu_count() or 1, 8)
