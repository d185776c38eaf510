"""Flags that several commands have, and what they are checked for."""

import pathlib

from absl import flags as absl_flags
from ml_collections import config_flags

from keras_twins.errors import InputError
from keras_twins.runs.workdir import STUDENT, TEACHER


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


def define_network(flags):
    """Defines `--network`, of a run with a teacher."""
    absl_flags.DEFINE_enum(
        "network",
        STUDENT,
        [STUDENT, TEACHER],
        "Which encoder of a run with a teacher: the one that gradients train, or its "
        "moving average.",
        flag_values=flags,
    )


def define_model(
    flags, text="Folder of an exported model; its newest version is used."
):
    """Defines `--model_dir`, `--server` and `--model_name`: what embeds image files."""
    absl_flags.DEFINE_string("model_dir", None, text, flag_values=flags)
    absl_flags.DEFINE_string(
        "server",
        None,
        "Instead of --model_dir: http://host:8501, https://, grpc://host:8500 or "
        "grpcs:// of a server that holds the model.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "model_name",
        "embedder",
        "The model's name at the --server.",
        flag_values=flags,
    )


def check_model(flags, required=True):
    """Raises InputError for both of `--model_dir` and `--server`, or for neither."""
    if (flags.model_dir and flags.server) or (
        required and not (flags.model_dir or flags.server)
    ):
        raise InputError(
            "expected one of --model_dir, an exported model's folder, and --server"
        )


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
