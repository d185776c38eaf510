"""Flags that several commands have, and what they are checked for."""

import pathlib

from absl import flags as absl_flags
from ml_collections import config_flags

from keras_twins.errors import InputError


def define_config(flags):
    """Defines `--config`, required."""
    config_flags.DEFINE_config_file(
        "config",
        None,
        "The experiment; --config.KEY=VALUE changes one of its values.",
        lock_config=True,
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("config", flags)


def read_config(flags):
    """The configuration of `--config`, locked and with its overrides."""
    try:
        # A file that could not be read is an error when something is first asked of it.
        flags.config.to_dict()
        return flags.config
    except Exception as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"--config: {reason}") from error


def define_workdir(flags, required=True):
    """Defines `--workdir`, the folder of a run that has ended."""
    absl_flags.DEFINE_string(
        "workdir", None, "Folder of a run that has ended.", flag_values=flags
    )
    if required:
        absl_flags.mark_flag_as_required("workdir", flags)


def define_embeddings(flags):
    """Defines `--embeddings`, required."""
    absl_flags.DEFINE_string(
        "embeddings",
        None,
        "What `keras-twins embed` wrote: a file, or a folder of shards.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("embeddings", flags)


def check_output(path, suffix):
    """`--output` as a path, if it ends in `suffix` and its folder exists."""
    output = pathlib.Path(path)
    if output.suffix.lower() != suffix:
        raise InputError(
            f"--output={output}: not a {suffix} file; use a name that ends in {suffix}"
        )
    if not output.absolute().parent.is_dir():
        raise InputError(f"--output={output}: there is no such folder")
    return output
