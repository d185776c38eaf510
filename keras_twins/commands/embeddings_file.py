"""The embeddings that a command works on: those of `--embeddings` or of `--workdir`."""

import os

import numpy as np
from absl import flags as absl_flags

from keras_twins import collection, listing
from keras_twins.collection.finite import count_other
from keras_twins.commands import shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.runs.workdir import Workdir


def define_flags(flags):
    """Defines `--embeddings` and `--workdir`, one of which is given."""
    absl_flags.DEFINE_string(
        "embeddings",
        None,
        "What `keras-twins embed` wrote: a file, or a folder of shards.",
        flag_values=flags,
    )
    shared_flags.define_workdir(flags, required=False)


def check_flags(flags):
    """Raises InputError unless one of `--embeddings` and `--workdir` is given."""
    if bool(flags.workdir) == bool(flags.embeddings):
        raise InputError("expected --workdir or --embeddings, and not both")


def read(path):
    """Reads embeddings whose images have names.

    Args:
        path: path of a file of `keras-twins embed`, or of a folder of shards.

    Returns:
        `keras_twins.collection.Embeddings` with paths.

    Raises:
        InputError: naming the flag, for a file without embeddings or paths, or with
            embeddings that are not finite.
    """
    try:
        found = collection.read(path)
    except InputError as error:
        raise InputError(f"--embeddings={error}") from error
    if found.paths is None:
        raise InputError(f"--embeddings={path} has no paths of images")
    _check_finite(f"--embeddings={path}", found, "embed these files again")
    return found


def open_files(flags):
    """The embeddings of files that `--embeddings` or `--workdir` names.

    Args:
        flags: `FlagValues`, as `define_flags` defines them.

    Returns:
        `keras_twins.collection.Embeddings` with the paths of files.

    Raises:
        InputError: as `check_flags`, `read`, `open_run` and `files_of_run`.
    """
    check_flags(flags)
    if flags.workdir:
        return files_of_run(open_run(flags))
    return read(flags.embeddings)


def open_run(flags):
    """The run that `--workdir` names; TensorFlow has started on return.

    Returns:
        `keras_twins.runs.run.Run`.

    Raises:
        InputError: for a folder without a run that has ended.
    """
    workdir = Workdir(flags.workdir)
    workdir.check_ended()  # Said before TensorFlow starts.
    start_tensorflow()
    from keras_twins.runs.run import Run  # It imports TensorFlow.

    return Run.read(workdir)


def files_of_run(run):
    """As `of_run`; raises InputError for a run whose images are not files, too."""
    if run.train_source.paths is None:
        raise InputError(
            f"--workdir={run.workdir.path}: the images of {run.config.dataset} are not "
            "files; give a run on a folder of files, or --embeddings"
        )
    return of_run(run)


def of_run(run):
    """The embeddings of a run's images, which its workdir keeps.

    Args:
        run: `keras_twins.runs.run.Run` that has ended.

    Returns:
        `keras_twins.collection.Embeddings` with paths and splits.

    Raises:
        InputError: naming the flag, as `keras_twins.runs.embedded.of_run`, or for
            embeddings that are not finite.
    """
    from keras_twins.runs import embedded  # It imports TensorFlow.

    found = embedded.of_run(run, verbose=1)
    _check_finite(f"--workdir={run.workdir.path}", found, "has the training diverged?")
    return found


def _check_finite(where, found, remedy):
    wrong = count_other(found.embeddings)
    if wrong:
        raise InputError(
            f"{where}: {wrong} of {len(found.embeddings)} rows hold NaN or infinity; "
            f"{remedy}"
        )


def to_choose(paths):
    """Which files can be looked at, and so be chosen.

    Args:
        paths: list of N str.

    Returns:
        `(N,)` bool array, the files that are there; all where none is. And a list of
        sentences on the others.
    """
    there = np.array([os.path.exists(path) for path in paths])
    moved = listing.counted(len(paths) - int(there.sum()), "file")
    if there.all():
        return there, []
    if there.any():
        return there, [f"{moved} of {len(paths):,} no longer there: not chosen"]
    return ~there, [f"{moved} no longer there: chosen by their embeddings alone"]
