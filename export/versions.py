"""Numbered versions of a model, as TensorFlow Serving watches for them."""

import contextlib
import fcntl
import os
import shutil
import uuid
from pathlib import Path

from keras_twins.errors import InputError
from keras_twins.types import StrPath

# No server takes this for a number.
_UNFINISHED = ".tmp-"


def version_folders(model_dir: StrPath) -> dict[int, Path]:
    """Lists the versions in a model's folder.

    Args:
        model_dir: path. The folder that holds `1/`, `2/` and so on.

    Returns:
        dict from int to `pathlib.Path`, in ascending order; empty where the folder is
        missing or holds none.
    """
    model_dir = Path(model_dir)
    if not model_dir.is_dir():
        return {}
    folders = [c for c in model_dir.iterdir() if c.name.isdecimal() and c.is_dir()]
    return {int(c.name): c for c in sorted(folders, key=lambda c: int(c.name))}


def newest_version(model_dir: StrPath) -> Path:
    """Finds the version that a server would load.

    Args:
        model_dir: path. The folder that holds `1/`, `2/` and so on.

    Returns:
        `pathlib.Path` of the highest version.

    Raises:
        InputError: if there is no such folder or no version in it.
    """
    folders = version_folders(model_dir)
    if not folders:
        what = "holds no version" if Path(model_dir).is_dir() else "does not exist"
        raise InputError(
            f"model folder {str(model_dir)!r} {what}; expected numbered folders "
            "such as 1/, as the export command writes them"
        )
    return folders[max(folders)]


@contextlib.contextmanager
def new_version(model_dir):
    """Publishes what is written in the scope as the next version, or nothing at all.

    A server that watches the folder sees the version whole, by one rename. What a
    killed process leaves has a name that no server loads, and the next export removes
    it.

    Args:
        model_dir: path. Made if it does not exist.

    Yields:
        `Published`, with the folder `path` to write to; after the scope, its `path`
        is the version's.

    Raises:
        InputError: if the folder cannot be made.
    """
    model_dir = Path(model_dir)
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"model folder {str(model_dir)!r} cannot be made: {error.strerror}"
        ) from error
    with contextlib.ExitStack() as held:
        with _lock(model_dir):
            _remove_what_died(model_dir)
            published = Published(model_dir / f"{_UNFINISHED}{uuid.uuid4().hex}")
            published.path.mkdir()
            held.enter_context(_lock(published.path, wait=False))
        try:
            yield published
            published.path = _publish(published.path, model_dir)
        except BaseException:
            shutil.rmtree(published.path, ignore_errors=True)
            raise


class Published:
    """Where a new version lies: a hidden folder first, then a numbered one."""

    def __init__(self, path):
        self.path = path


def _remove_what_died(model_dir):
    for folder in model_dir.glob(f"{_UNFINISHED}*"):
        # It may be published meanwhile.
        with contextlib.suppress(FileNotFoundError):
            with _lock(folder, wait=False) as nobody_writes:
                if nobody_writes:
                    shutil.rmtree(folder)


@contextlib.contextmanager
def _lock(folder, wait=True):
    """Locks a folder for the scope; the system unlocks it where a process dies.

    Yields:
        bool. False if another process holds it, or the file system knows no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            locked = True
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(descriptor)


def _publish(written, model_dir):
    number = max(version_folders(model_dir), default=0)
    while True:
        number += 1
        target = model_dir / str(number)
        try:
            os.rename(written, target)
            return target
        except OSError:
            # Another export took the number in between.
            if not target.exists():
                raise
