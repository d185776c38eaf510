"""Which part of a folder is which split, whatever the folders are called.

A name that says `train`, `test` or `val` in one of its spellings is that split. The
folders may lie one level down, or inside the folder of each class.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Mapping

from keras_twins import listing
from keras_twins.decode.modality import Modality
from keras_twins.errors import InputError

_SPELLINGS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "evaluation": "val",
}
_KINDS = ("train", "test", "val")
_SPLIT = re.compile(
    rf"(?P<prefix>.*[-_ ])?(?P<kind>{'|'.join(_SPELLINGS)})"
    r"(?:[-_ ]?(?:set|data|images|imgs|\d{4}))?",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Part:
    """A folder of a split's images.

    Attributes:
        folder: str, its path.
        skip: names of folders directly below that belong to other splits.
        class_name: the class of everything in it; None where the sub-folders say it.
    """

    folder: str
    skip: frozenset[str] = frozenset()
    class_name: str | None = None


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a folder is divided.

    Attributes:
        name: str, what the user called the folder.
        modality: what its files are.
        root: str, the folder that has the splits, or the files where it has none.
        splits: by name ("train", "test", "val"), the parts of each split.
        said: names of the folders in `root` that say a split.
        beside: names of folders with files that belong to no split.
        loose: int, how many files lie in `root` itself, where it has splits.
    """

    name: str
    modality: Modality
    root: str
    splits: Mapping[str, tuple[Part, ...]]
    said: frozenset[str]
    beside: tuple[str, ...]
    loose: int

    def parts(self, split):
        """The parts of a split.

        Args:
            split: str. A split in any spelling, or a sub-folder's name; "." is the
                whole folder.

        Raises:
            InputError: where there is no such split.
        """
        exact = os.path.join(self.root, split)
        if os.path.isdir(exact):
            return (Part(_inside(exact, self.modality)),)
        kind = _kind(split)
        if kind in self.splits:
            return self.splits[kind]
        if kind == "train":
            return (Part(self._rest(), self.said),)
        has = f"; it has: {', '.join(self.splits)}" if self.splits else ""
        raise InputError(
            f"{self.name} has no split {split!r}: there is no sub-folder of that name"
            f"{has} (train_split or test_split asks for it; a folder without splits "
            "is all 'train')"
        )

    def leaves_open(self, split):
        """Whether no folder says which files a split has."""
        return not self.splits and not os.path.isdir(os.path.join(self.root, split))

    def folders(self):
        """The folders of all splits."""
        return [part.folder for parts in self.splits.values() for part in parts]

    def lines(self, parts):
        """What the user should know of it beside the parts of a split, in lines."""
        if not self.splits:
            return []
        found = ", ".join(
            f"{split} in {some(own)}" for split, own in self.splits.items()
        )
        lines = [f"splits: {found}"]
        beside = list(self.beside)
        if self.loose:
            loose = listing.counted(self.loose, self.modality.word)
            beside.append(f"{loose} in {self.root} itself")
        if beside and all(part.folder != self.root for part in parts):
            lines.append(f"in no split, and not used: {', '.join(beside)}")
        return lines

    def _rest(self):
        """The folder itself, if it has images that belong to no other split."""
        rest = self.loose or not self.said.issuperset(self.beside)
        if self.splits and not rest:
            split = next(iter(self.splits))
            raise InputError(
                f"{self.name} has no training {self.modality.plural}: all of its "
                f"{self.modality.plural} are in {', '.join(sorted(self.said))} "
                f"(train_split={split} trains on them)"
            )
        return self.root


def find(modality, name, path):
    """Finds out how a folder is divided.

    Args:
        modality: `keras_twins.decode.modality.Modality` of its files.
        name: str, what the user called it.
        path: str.

    Returns:
        `Layout`.

    Raises:
        InputError: for what is not a folder, or cannot be opened.
    """
    root = _checked(modality, name, path)
    try:
        return _found(modality, name, _inside(root, modality, stop_at_splits=True))
    except OSError as error:
        raise unopened(name, error) from error


def _found(modality, name, root):
    names = listing.folders(root)
    used = _split_folders(names)
    if used:
        splits = {
            kind: (Part(_inside(os.path.join(root, folder), modality)),)
            for kind, folder in used.items()
        }
        said = {*used.values(), *(n for n in names if _kind(n) is not None)}
        beside = [n for n in names if n not in used.values()]
    else:
        inside = _splits_of_classes(root, names)
        splits = _parts_of_classes(root, inside)
        said = ()
        beside = [n for n in names if not inside[n]] if splits else ()
    if not splits:
        return Layout(name, modality, root, {}, frozenset(), (), 0)
    suffixes = modality.suffixes
    used = (n for n in beside if listing.has_image(os.path.join(root, n), suffixes))
    loose = listing.walk(root, suffixes, skip=names).files
    return Layout(
        name, modality, root, splits, frozenset(said), tuple(used), len(loose)
    )


def some(parts):
    """The folders of a split's parts, in a few words."""
    first, *others = sorted(part.folder for part in parts)
    return first + (f" and {len(others):,} more" if others else "")


def unopened(name, error):
    """The `InputError` for a folder that cannot be listed."""
    where = "" if error.filename is None else f": {error.filename}"
    return InputError(f"{name} cannot be read ({error.strerror}{where})")


def _checked(modality, name, path):
    if not path:
        prefix = modality.prefix
        example = f"{prefix}/path/to/{modality.plural}"
        raise InputError(f"{prefix} needs a path, as in {example}")
    root = os.path.expanduser(path)
    if os.path.isfile(root):
        raise InputError(f"{name} is a file, not a folder")
    if not os.path.isdir(root):
        raise InputError(f"{name} does not exist")
    return root


def _inside(folder, modality, stop_at_splits=False):
    """The folder that has the splits or classes, where only one folder leads there.

    What an archive was packed from is often one folder in the one that it is unpacked
    into. One folder of files alone is not entered: it is a class.
    """
    below = folder
    while True:
        names = listing.folders(below)
        if stop_at_splits and _split_folders(names):
            return below
        if listing.has_image(below, modality.suffixes, deep=False):
            return folder
        used = _first_two_used(below, names, modality.suffixes)
        if len(used) != 1:
            return below if used else folder
        below = used[0]


def _first_two_used(folder, names, suffixes):
    paths = (os.path.join(folder, name) for name in names)
    found = (path for path in paths if listing.has_image(path, suffixes))
    return list(itertools.islice(found, 2))


def same_split(name, other):
    """Whether two names say the same split, in whichever spellings."""
    kind = _kind(name)
    return name == other or (kind is not None and kind == _kind(other))


def _kind(name):
    """The split that a name says, of those without a prefix; None for others."""
    found = _SPLIT.fullmatch(name)
    return _SPELLINGS[found["kind"].lower()] if found and not found["prefix"] else None


def _split_folders(names):
    """The folder of each split, in the order train, test, val."""
    plain, prefixed = {}, {}
    for name in names:
        found = _SPLIT.fullmatch(name)
        if found:
            kind = _SPELLINGS[found["kind"].lower()]
            folders = prefixed if found["prefix"] else plain
            # Of two spellings the shorter one: `test` rather than `test_images`.
            if kind not in folders or len(name) < len(folders[kind]):
                folders[kind] = name
    # `city_train` may be a class, unless a `city_test` stands beside it.
    if not plain and {"train"} < set(prefixed):
        plain = prefixed
    return {kind: plain[kind] for kind in _KINDS if kind in plain}


def _splits_of_classes(root, names):
    """By class, the splits inside its folder, as in `cat/train` and `cat/test`."""
    inside = {n: _split_folders(listing.folders(os.path.join(root, n))) for n in names}
    if any("train" in found and len(found) > 1 for found in inside.values()):
        return inside
    return dict.fromkeys(names, {})


def _parts_of_classes(root, inside):
    splits = {}
    for kind in _KINDS:
        parts = tuple(
            Part(os.path.join(root, name, found[kind]), class_name=name)
            for name, found in inside.items()
            if kind in found
        )
        if parts:
            splits[kind] = parts
    return splits
