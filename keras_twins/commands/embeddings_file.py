"""The embeddings that a command works on: those of `--embeddings` or of `--workdir`."""

from absl import flags as absl_flags

from keras_twins import collection
from keras_twins.collection.finite import count_other
from keras_twins.commands import shared_flags
from keras_twins.errors import InputError


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
