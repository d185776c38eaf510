"""An audit of a collection: everything that is found, and its tables."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from keras_twins import files
from keras_twins.collection.duplicate_search import Duplicates, duplicates
from keras_twins.collection.groups import leaks
from keras_twins.collection.measures import Pictures, measure_all
from keras_twins.collection.outlier_ranking import Outlier, outliers
from keras_twins.collection.quality import Found, judge
from keras_twins.types import StrPath

# Names of folders that say which split their files are of.
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclasses.dataclass(frozen=True)
class Audit:
    """What was found in a collection.

    Attributes:
        pictures: `keras_twins.collection.measures.Pictures`.
        duplicates: `keras_twins.collection.duplicate_search.Duplicates`.
        leaks: dict from `(split, other split)` to list of pairs of rows, as
            `keras_twins.collection.groups.leaks` gives.
        judged: list of `keras_twins.collection.quality.Found`.
        outliers: list of `keras_twins.collection.outlier_ranking.Outlier`.
    """

    pictures: Pictures
    duplicates: Duplicates
    leaks: dict[tuple[str, str], list[tuple[int, int]]]
    judged: list[Found]
    outliers: list[Outlier]


def audit(
    embeddings: npt.NDArray[np.floating],
    paths: Sequence[str],
    splits: Sequence[str] | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Audit:
    """Looks for duplicates, leaks, poor quality and outliers.

    Args:
        embeddings: `(N, D)` float array without NaN.
        paths: list of N paths of the files that were embedded.
        splits: list of N str, or None where `splits_of` is to tell from the paths.
        done: function that is told how many more files have been read.

    Returns:
        `Audit`.

    Raises:
        InputError: for embeddings that hold NaN or infinity.
    """
    pictures = measure_all(paths, done)
    found = duplicates(embeddings, pictures)
    judged = judge(pictures)
    return Audit(
        pictures,
        found,
        leaks(found.groups, splits_of(paths) if splits is None else splits),
        judged,
        outliers(embeddings, pictures, judged),
    )


def splits_of(paths: Iterable[StrPath]) -> list[str]:
    """The split of each file by the names of the folders above it; "" for none.

    Examples:
        >>> from keras_twins.collection.audit import splits_of
        >>> splits_of(["data/Training/a.png", "data/test/b/c.png", "train.png"])
        ['train', 'test', '']
    """
    found = []
    for path in paths:
        names = [part.lower() for part in pathlib.PurePath(path).parent.parts]
        known = (_SPLITS[name] for name in reversed(names) if name in _SPLITS)
        found.append(next(known, ""))
    return found


def write_tables(found: Audit, folder: StrPath) -> None:
    """Writes `duplicates.csv` and `outliers.csv` to a folder.

    - `duplicates.csv`: group, path, kind, similarity, keep. Nothing is deleted: `keep`
      is "yes" for the file of a group that is worth most, and "no" for the others.
    - `outliers.csv`: path, score, reason; the most unlike first.
    """
    paths, folder = found.pictures.paths, pathlib.Path(folder)
    same = [("group", "path", "kind", "similarity", "keep")]
    for number, group in enumerate(found.duplicates.groups, 1):
        columns = zip(group.rows, group.kinds, group.similarities, strict=True)
        for place, (row, kind, similarity) in enumerate(columns):
            keep = "no" if place else "yes"
            same.append((str(number), paths[row], kind, f"{similarity:.4f}", keep))
    odd = [("path", "score", "reason")]
    for one in found.outliers:
        odd.append((paths[one.row], f"{one.score:.3f}", f"{one.check}: {one.reason}"))
    for name, rows in (("duplicates.csv", same), ("outliers.csv", odd)):
        files.write_csv(folder / name, rows)
