"""The classes of a folder's files, and what is said of them."""

import dataclasses
import os

import numpy as np

from keras_twins import listing
from keras_twins.decode.modality import Modality

# What an image without a class has for its number.
NONE = -1

_ANNOTATIONS = "val_annotations.txt"
_NO_CLASS = "images"
_SAID = 10


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of images.

    Attributes:
        modality: `keras_twins.decode.modality.Modality` of the files.
        names: tuple of str, the same ones in the same order in all splits.
        numbers: int64 array, a class per image; `NONE` for an image without one.
        notes: list of str, what a user should know about them.
    """

    modality: Modality
    names: tuple[str, ...]
    numbers: np.ndarray
    notes: list[str]

    def lines(self):
        """What the classes are, in lines."""
        labelled = self.numbers[self.numbers != NONE]
        counts = np.bincount(labelled, minlength=len(self.names))
        named = list(zip(self.names, counts, strict=True))
        first = ", ".join(f"{name} {count:,}" for name, count in named[:_SAID])
        if len(named) > _SAID:
            counted = f"{counts.min():,} to {counts.max():,} {self.modality.plural}"
            first += f", … ({counted} per class)"
        lines = [f"{_classes(named)}: {first}"]
        word = self.modality.word
        for count, what in ((0, f"no {word} here"), (1, f"one {word}")):
            few = [name for name, found in named if found == count]
            if few:
                lines.append(f"{_classes(few)} with {what}: {_some(few)}")
        return lines + self.notes


def of_folders(layout, split, parts, files):
    """Classes by sub-folder.

    Args:
        layout: `keras_twins.data.layout.Layout`.
        split: str, as it was asked for.
        parts: the parts of the split.
        files: list of lists of str, the images of each part, relative to its folder.

    Returns:
        `(classes, notes)`: `Classes`, or None with notes where there are no classes.
    """
    modality = layout.modality
    found = [_of_part(part, names) for part, names in zip(parts, files, strict=True)]
    classes = [name for part in found for name in part]
    own = set(classes) - {None}
    if not own:
        return None, []
    # What a table of a split does not name is no sign that there are no classes.
    loose = sum(
        part.count(None)
        for part, where in zip(found, parts, strict=True)
        if not _annotated(where.folder)
    )
    if loose and (len(own) == 1 or 2 * loose >= len(classes)):
        where = f"{loose:,} of {len(classes):,} {modality.plural} lie in no sub-folder"
        return None, [f"no classes: {where}; --config.labels=labels.csv gives them"]
    if split != ".":
        own.update(_of_other_splits(layout, parts))
    names = sorted(own)
    numbers = np.full(len(classes), NONE, np.int64)
    has_class = np.array([name is not None for name in classes])
    numbers[has_class] = np.searchsorted(names, [c for c in classes if c is not None])
    notes = []
    if loose:
        files_beside = listing.counted(loose, modality.word)
        notes.append(f"{files_beside} beside the sub-folders without a class")
    notes += _notes(modality, parts, files, own)
    return Classes(modality, tuple(names), numbers, notes), []


def _of_part(part, files):
    """The class of each file, None where it has none."""
    if part.class_name is not None:
        return [part.class_name] * len(files)
    annotated = _annotated(part.folder)
    if annotated:
        return [annotated.get(os.path.basename(file)) for file in files]
    found = [file.split(os.sep, 1)[0] if os.sep in file else None for file in files]
    return [None] * len(files) if set(found) == {_NO_CLASS} else found


def _of_other_splits(layout, known):
    """Classes of the other splits: a class must have one number in all of them."""
    for parts in layout.splits.values():
        for part in parts:
            if part in known:
                continue
            annotated = _annotated(part.folder)
            if part.class_name is not None:
                yield part.class_name
            elif annotated:
                yield from annotated.values()
            else:
                yield from (
                    name
                    for name in listing.folders(part.folder)
                    if name != _NO_CLASS
                    and listing.has_image(
                        os.path.join(part.folder, name), layout.modality.suffixes
                    )
                )


def _annotated(folder):
    """Classes by the names of files, as Tiny ImageNet has them; none without."""
    path = os.path.join(folder, _ANNOTATIONS)
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip().split("\t")[:2] for line in lines if line.strip())


def _notes(modality, parts, files, own):
    """Folders that one may have taken for classes."""
    notes = []
    empty = [
        name
        for part in parts
        if part.class_name is None
        for name in listing.folders(part.folder)
        if name not in own and name not in part.skip and name != _NO_CLASS
    ]
    if empty:
        folders = listing.counted(len(empty), "sub-folder")
        notes.append(f"{folders} without {modality.one}: {_some(empty)}")
    deeper = {
        os.path.dirname(file)
        for part, names in zip(parts, files, strict=True)
        for file in names
        if file.count(os.sep) > (part.class_name is None)
    }
    deeper = {name for name in deeper if os.path.basename(name) != _NO_CLASS}
    if deeper:
        folders = listing.counted(len(deeper), "folder")
        notes.append(
            f"{folders} inside those of the classes, not taken for classes: "
            f"{_some(sorted(deeper))}"
        )
    return notes


def _classes(names):
    return listing.counted(len(names), "class", "classes")


def _some(names):
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
