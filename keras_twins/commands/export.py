"""`keras-twins export`: a run's encoder as a model that a server loads.

    keras-twins export --workdir=RUN --output=models --name=embedder

writes `models/embedder/1/`, the next time `2/`. Servers know a model by the name of its
folder; without --name, --output is that folder.
"""

import functools
import re
from pathlib import Path

from absl import flags as absl_flags

from keras_twins import progress
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.runs.workdir import STUDENT, Workdir


def define_flags(flags):
    shared_flags.define_workdir(flags)
    shared_flags.define_network(flags)
    absl_flags.DEFINE_string(
        "output",
        None,
        "Folder of the model; a new version goes into it.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("output", flags)
    absl_flags.DEFINE_string(
        "name",
        None,
        "Name of the model: its folder becomes --output/NAME, not --output.",
        flag_values=flags,
    )
    absl_flags.DEFINE_enum(
        "format",
        "saved_model",
        ["saved_model", "onnx", "litert"],
        "For TensorFlow Serving, ONNX Runtime or LiteRT (the last two: one folder "
        "each).",
        flag_values=flags,
    )
    absl_flags.DEFINE_enum(
        "precision",
        None,
        ["float32", "mixed_float16", "mixed_bfloat16"],
        "What the exported encoder computes in; default: as it was trained.",
        flag_values=flags,
    )


def main(flags, paths):
    workdir = Workdir(flags.workdir)
    workdir.check_ended()  # Said before TensorFlow starts.
    workdir.check_network(flags.network)
    output = Path(flags.output)
    if flags.name is not None:
        # What stands in a URL as it is, and cannot be taken for a version's number.
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", flags.name, re.ASCII):
            raise InputError(
                f"--name={flags.name}: expected letters, digits, '_', '-' and '.', a "
                "letter first"
            )
        output /= flags.name
    start_tensorflow()
    from keras_twins.runs.run import Run  # It imports TensorFlow.

    run = Run.read(workdir)
    version = export(run, output, flags.format, flags.precision, flags.network)
    if flags.format == "saved_model":
        name = version.resolve().parent.name
        print(f"serve it:     keras-twins serve --model_dir={output}")
        print(
            "ask for it:   keras-twins embed --server=http://localhost:8501 "
            f"--model_name={name} PATH..."
        )


def export(run, output, file_format="saved_model", precision=None, network=STUDENT):
    """Exports the encoder of a run that has ended.

    Args:
        run: `keras_twins.runs.run.Run`.
        output: path of the model's folder.
        file_format: "saved_model", "onnx" or "litert".
        precision: name of a Keras dtype policy, or None for the encoder's own.
        network: `STUDENT` or `TEACHER`, of a run that has both.

    Returns:
        path of the new version.

    Raises:
        InputError: for a folder without an encoder or teacher, an output that is a
            file, or an export that does not answer as the encoder does; nothing is
            published then.
    """
    from keras_twins import export as exports  # It imports TensorFlow.

    write = _writer(run, file_format)
    with progress.stage("opening the encoder"):
        encoder = run.trained_encoder(network)
    checking = "writing the model, and checking that it answers as the encoder does"
    try:
        with progress.stage(checking):
            version = write(
                encoder, output, precision=precision, metadata=metadata(run, network)
            )
    except (exports.ExportError, OSError, ValueError) as error:
        raise InputError(f"--output={output}: {error}") from error
    print(f"exported to {version}")
    return version


def _writer(run, file_format):
    """The function that exports an encoder of the run, with what the run decides."""
    from keras_twins import export as exports  # They import TensorFlow.
    from keras_twins.runs import of_sounds

    # Of both modalities, only a SavedModel decodes files.
    if of_sounds.is_it(run.config):
        write = {
            "saved_model": exports.export_sound_model,
            "onnx": exports.export_sound_onnx,
            "litert": exports.export_sound_litert,
        }[file_format]
        return functools.partial(write, log_mel=of_sounds.front_end(run.config))
    evaluation = run.config.evaluation
    settings = {"image_size": evaluation.image_size, "resize": evaluation.resize}
    if file_format == "saved_model":
        settings["levels"] = run.levels
    write = {
        "saved_model": exports.export_saved_model,
        "onnx": exports.export_onnx,
        "litert": exports.export_litert,
    }[file_format]
    return functools.partial(write, **settings)


def metadata(run, network):
    """What is published beside a model: how it was trained, and what it is worth.

    Args:
        run: `keras_twins.runs.run.Run`.
        network: `STUDENT` or `TEACHER`; an evaluation of the other is left out.

    Returns:
        dict of JSON types.
    """
    from keras_twins.runs import records  # It imports TensorFlow.

    found = {"config": run.config.to_dict(), "network": network}
    evaluation = records.evaluation(run.workdir)
    if evaluation and records.network(evaluation) == network:
        found["evaluation"] = evaluation
    return found


if __name__ == "__main__":
    cli.main("export")
