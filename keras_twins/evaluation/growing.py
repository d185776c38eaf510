"""An array that grows where it lies."""

import numpy as np


class GrowingArray:
    """Rows in memory, in one array.

    Attributes:
        count: int, how many rows were appended.
    """

    def __init__(self):
        self._array = np.empty(0)
        self.count = 0

    def append(self, rows):
        """Appends an array `(n, ...)`; the first one decides on shape and dtype."""
        if self.count == 0:
            self._array = np.empty((0, *rows.shape[1:]), rows.dtype)
        stop = self.count + len(rows)
        if stop > len(self._array):
            self._resize(max(stop, len(self._array) * 3 // 2))
        self._array[self.count : stop] = rows
        self.count = stop

    def finish(self):
        """Returns all rows, to which nothing can be appended any more."""
        self._resize(self.count)
        return self._array

    def _resize(self, count):
        # Nothing else refers to the array before `finish` has returned it.
        self._array.resize((count, *self._array.shape[1:]), refcheck=False)
