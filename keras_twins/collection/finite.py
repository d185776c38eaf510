"""Whether embeddings are finite numbers."""

import numpy as np
import numpy.typing as npt

# Rows that are looked at together, so that a file larger than memory can be checked.
_ROWS = 65_536


def count_other(embeddings: npt.NDArray) -> int:
    """How many rows of a `(N, D)` array hold NaN or infinity.

    Examples:
        >>> import numpy as np
        >>> from keras_twins.collection.finite import count_other
        >>> count_other(np.array([[1.0, 2.0], [np.nan, 1.0]]))
        1
    """
    blocks = range(0, len(embeddings), _ROWS)
    finite = sum(
        int(np.isfinite(embeddings[start : start + _ROWS]).all(axis=1).sum())
        for start in blocks
    )
    return len(embeddings) - finite
