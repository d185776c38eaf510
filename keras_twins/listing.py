"""The images below a folder, in order, and what else lies there: counted and said."""

import collections
import dataclasses
import os
from collections.abc import Collection, Iterator

from keras_twins.types import StrPath

# Folders and files that systems and viewers make beside images, in lower case.
_THUMBNAIL_FOLDERS = frozenset(
    {".thumbnails", ".thumbs", ".thumb", "@eadir", "__macosx"}
)
_THUMBNAIL_FILES = frozenset({"thumbs.db", "ehthumbs.db"})

_HIDDEN_FILE, _HIDDEN_FOLDER = "hidden file", "hidden folder"
_THUMBNAIL_FILE, _THUMBNAIL_FOLDER = "thumbnails file", "thumbnails folder"
_DEVICE, _LOOP = "pipe or device", "link back to a folder above"
_KINDS = (
    *(_HIDDEN_FILE, _HIDDEN_FOLDER, _THUMBNAIL_FILE, _THUMBNAIL_FOLDER),
    *(_DEVICE, _LOOP),
)
_PLURALS = {_DEVICE: "pipes or devices", _LOOP: "links back to folders above"}
_SUFFIXES_SAID = 6


# Where sums of what was ignored start.
NOTHING: collections.Counter[str] = collections.Counter()


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a walk through a folder found.

    Attributes:
        files: list of str, the images, relative to the folder, in the order of their
            names.
        ignored: `collections.Counter` of everything else: other files by suffix, in
            lower case and "" for none, and hidden files, thumbnails and the like by
            kind. Counters of several folders can be added.
    """

    files: list[str]
    ignored: collections.Counter[str]


def walk(
    folder: StrPath, suffixes: tuple[str, ...], skip: Collection[str] = ()
) -> Listing:
    """Lists the images below a folder, as `each` does.

    Args:
        folder: path.
        suffixes: how the names of images end, in lower case.
        skip: names of folders directly below that are not entered or counted.

    Raises:
        OSError: for a folder that cannot be opened; `filename` names it.

    Examples:
        >>> import pathlib, tempfile
        >>> from keras_twins import listing
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png"):
        ...     (folder / name).touch()
        >>> found = listing.walk(folder, (".jpg", ".png"))
        >>> found.files
        ['a.JPG', 'b.png']
        >>> listing.say_ignored(found.ignored)
        '1 other file ignored: .txt 1; 1 hidden file'
    """
    ignored: collections.Counter[str] = collections.Counter()
    return Listing(list(each(folder, suffixes, ignored, skip)), ignored)


def each(
    folder: StrPath,
    suffixes: tuple[str, ...],
    ignored: collections.Counter[str],
    skip: Collection[str] = (),
) -> Iterator[str]:
    """Gives the images below a folder one by one; memory holds one folder's names.

    Links are followed, except in circles. Whether a link is broken, reading tells.

    Args:
        folder, suffixes, skip: as of `walk`.
        ignored: counter to which everything else is added.

    Yields:
        str, relative to the folder, in the order of their names.

    Raises:
        OSError: as `walk`.
    """
    root = os.fspath(folder)
    return _walk(root, "", {os.path.realpath(root)}, suffixes, skip, ignored)


def folders(folder: StrPath) -> list[str]:
    """Names of the folders directly below that a walk enters, sorted."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if _is_folder(e) and not _kind(e, True))


def has_image(folder: StrPath, suffixes: tuple[str, ...], deep: bool = True) -> bool:
    """Whether an image lies in a folder, or with `deep` anywhere below it.

    It stops at the first one.
    """
    return _has_image(os.fspath(folder), {os.path.realpath(folder)}, suffixes, deep)


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things in words: "1 file", "1,200 files"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def say_ignored(ignored: collections.Counter[str]) -> str:
    """What was ignored, in a line; "" where nothing was.

    Args:
        ignored: as `Listing` has it.

    Examples:
        >>> import collections
        >>> from keras_twins import listing
        >>> ignored = {".tif": 60, ".txt": 21, "hidden folder": 3}
        >>> listing.say_ignored(collections.Counter(ignored))
        '81 other files ignored: .tif 60, .txt 21; 3 hidden folders'
    """
    suffixes = {name: n for name, n in ignored.items() if name not in _KINDS}
    said = []
    if suffixes:
        most = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{name or 'without suffix'} {n:,}" for name, n in most]
        if len(parts) > _SUFFIXES_SAID:
            parts[_SUFFIXES_SAID:] = ["…"]
        total = counted(sum(suffixes.values()), "other file")
        said.append(f"{total} ignored: {', '.join(parts)}")
    for kind in _KINDS:
        count = ignored[kind]
        if count:
            name = counted(count, kind, _PLURALS.get(kind, ""))
            said.append(name + (" ignored" if not said else ""))
    return "; ".join(said)


def _has_image(folder, above, suffixes, deep):
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_folder(entry) and _kind(entry, False, suffixes) == "":
                return True
    for name in folders(folder) if deep else ():
        path = os.path.join(folder, name)
        target = os.path.realpath(path)
        if target not in above:
            if _has_image(path, {*above, target}, suffixes, deep):
                return True
    return False


def _walk(folder, prefix, above, suffixes, skip, ignored):
    """Gives the images below `folder`; `above` keeps links from going in circles."""
    found = []
    # Of a folder of a million files, names are all that is kept.
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = _is_folder(entry)
            if is_folder and entry.name in skip:
                continue
            kind = _kind(entry, is_folder, suffixes)
            if kind:
                ignored[kind] += 1
            elif kind is None:
                ignored[_suffix(entry.name)] += 1
            else:
                found.append((entry.name, is_folder))
    for name, is_folder in sorted(found):
        if not is_folder:
            yield os.path.join(prefix, name)
            continue
        path = os.path.join(folder, name)
        target = os.path.realpath(path)
        if target in above:
            ignored[_LOOP] += 1
            continue
        below = (os.path.join(prefix, name), {*above, target})
        yield from _walk(path, *below, suffixes, (), ignored)


def _kind(entry, is_folder, suffixes=()):
    """Why an entry is ignored; "" for an image or folder, None for another file."""
    name = entry.name.lower()
    if is_folder:
        if name in _THUMBNAIL_FOLDERS:
            return _THUMBNAIL_FOLDER
        return _HIDDEN_FOLDER if name.startswith(".") else ""
    if name in _THUMBNAIL_FILES:
        return _THUMBNAIL_FILE
    if name.startswith("."):
        return _HIDDEN_FILE
    # A link may be broken, which reading tells.
    if not (entry.is_symlink() or entry.is_file()):
        return _DEVICE
    return "" if name.endswith(suffixes) else None


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # A link to itself.
        return False


def _suffix(name):
    """How a name ends, in lower case; "" where a suffix is no such thing."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix if 1 < len(suffix) <= 8 else ""
