"""Whether a choice can be expected to help."""

import numpy as np
import numpy.typing as npt
from scipy import stats

# With fewer labels than this, their neighbours say nothing.
_ENOUGH = 20
# How unlikely the neighbours' agreement must be by chance.
_CHANCE = 0.05


def doubt(units: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> str:
    """Why choosing is not expected to help; empty where nothing speaks against it.

    Choosing by embeddings helps where files that are near have the same label. Where
    the nearest other labelled file agrees no more often than the most frequent class
    would, it does not.

    Args:
        units: `(n, D)` array, embeddings of length 1 of the labelled files.
        labels: `(n,)` array, their classes.

    Returns:
        str, a sentence.
    """
    count = len(labels)
    if count < _ENOUGH:
        return ""
    near = units @ units.T
    np.fill_diagonal(near, -np.inf)
    agree = int((labels[np.argmax(near, axis=1)] == labels).sum())
    chance = np.unique(labels, return_counts=True)[1].max() / count
    if stats.binomtest(agree, count, chance, "greater").pvalue <= _CHANCE:
        return ""
    return (
        f"a choice is not expected to help: the nearest labelled file agrees for "
        f"{agree:,} of {count:,} labels, and the most frequent class for "
        f"{round(chance * count):,}"
    )
