"""What the files of a collection are, by their first bytes."""

import concurrent.futures
import os

from keras_twins import progress
from keras_twins.decode import host, kinds

# What a file is: read by the graph, the same with samples of 16 bits, or converted.
PLAIN, DEEP, CONVERT = range(3)

_JPEG = kinds.IN_GRAPH[kinds.JPEG]
_USUAL_FRAMES = (b"\xff\xc0", b"\xff\xc2")
_CHUNK = 256


def looks(name, paths):
    """What each file is, a list of `PLAIN`, `DEEP` or `CONVERT`."""
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    bar = progress.bar(f"looking at first bytes of {name}", len(paths), "images")
    found = []
    with bar as counted, concurrent.futures.ThreadPoolExecutor(2 * threads()) as pool:
        for some in pool.map(lambda chunk: [*map(_look, chunk)], chunks):
            found += some
            counted.update(len(some))
    return found


def _look(path):
    try:
        first = head(path)
    except OSError:
        return PLAIN  # Reading it says why.
    if host.needs_conversion(first):
        return CONVERT
    return DEEP if host.is_16_bit(first) else PLAIN


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
    """How many threads read or convert images."""
    # Each may hold an image of a hundred million pixels.
    return min(os.cpu_count() or 1, 8)
