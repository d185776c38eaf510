"""Room for embeddings: in memory, or in a file where they may be larger than it."""

import os
import pathlib
import tempfile

import numpy as np
import numpy.typing as npt

from keras_twins.types import StrPath

# Larger arrays are mapped from a file, so that the system can put them aside.
_IN_MEMORY = 2**30  # bytes


def empty(shape: tuple[int, int], path: StrPath) -> npt.NDArray[np.float32]:
    """An array to fill.

    Args:
        shape: `(N, D)`.
        path: the file that it is read from. An array of more than 1 GiB is mapped from
            a file without a name in the same folder, which goes with the array; or in
            the folder of temporary files, where nothing can be written there.

    Returns:
        float32 array of that shape.
    """
    if shape[0] * shape[1] * 4 <= _IN_MEMORY:
        return np.empty(shape, np.float32)
    folder = pathlib.Path(path).parent
    writable = os.access(folder, os.W_OK)
    with tempfile.TemporaryFile(dir=folder if writable else None) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)
