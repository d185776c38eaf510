"""What a method chooses from: distinct files, of which some are labelled."""

import dataclasses

import numpy as np
import numpy.typing as npt

# What a file without a label has for its class.
NONE = -1


@dataclasses.dataclass(frozen=True)
class Pool:
    """Distinct files to choose from, with those that are labelled or chosen already.

    Attributes:
        units: `(P, D)` float32 array, embeddings of length 1.
        labels: `(P,)` int64 array, a class of 0 or more, or `NONE`.
        covered: `(P,)` bool array, true for the files that are labelled or chosen.
        seed: int, of whatever a method draws.
    """

    units: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    covered: npt.NDArray[np.bool_]
    seed: int


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What a method chose.

    Attributes:
        places: list of int, places in the pool, what to label first at the front.
        why: list of str, the reason for each.
        clusters: list of int, the cluster that each stands for; `NONE` without one.
    """

    places: list[int]
    why: list[str]
    clusters: list[int]


def unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Rows at length 1, float32; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
