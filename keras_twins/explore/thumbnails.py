"""Thumbnails of files: each made once, while the memory for them lasts."""

import collections
import concurrent.futures
import io
import os
import threading

from PIL import Image

from keras_twins.collection.file_pictures import picture_of
from keras_twins.decode import host

SIDE = 160  # pixels
_QUALITY = 75  # of WebP
_BYTES = 64 * 2**20


class Thumbnails:
    """Makes thumbnails, and keeps those that were asked for last.

    Args:
        paths: list of N paths.
        most_bytes: int, how much is kept.
    """

    def __init__(self, paths, most_bytes=_BYTES):
        self._paths = paths
        self._most_bytes = most_bytes
        self._kept = collections.OrderedDict()
        self._bytes = 0
        self._making = {}
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(
            len(os.sched_getaffinity(0)), "thumbnails"
        )

    def ask(self, row):
        """The thumbnail of a row; several that ask at once wait for the same one.

        Returns:
            `concurrent.futures.Future` of the bytes of a WebP picture, or of None where
            the file is missing or cannot be read.
        """
        with self._lock:
            if row in self._kept:
                self._kept.move_to_end(row)
                found = concurrent.futures.Future()
                found.set_result(self._kept[row])
                return found
            if row not in self._making:
                self._making[row] = self._pool.submit(self._make, row)
            return self._making[row]

    def close(self):
        """Makes no more of those that wait."""
        self._pool.shutdown(cancel_futures=True)

    def _make(self, row):
        made = None
        try:
            made = thumbnail(self._paths[row])
        except host.ERRORS:
            pass  # The page says that there is no picture.
        with self._lock:
            del self._making[row]
            self._kept[row] = made
            self._bytes += _size(made)
            while self._bytes > self._most_bytes:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return made


def thumbnail(path):
    """The bytes of a small WebP picture of a file; raises `host.ERRORS`."""
    image = picture_of(path)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)  # Never enlarged.
    file = io.BytesIO()
    image.save(file, "webp", quality=_QUALITY)
    return file.getvalue()


def _size(made):
    """What an entry takes, about."""
    return 256 + len(made or b"")
