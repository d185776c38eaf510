"""`keras-twins export`: a run's encoder as a model that a server loads.

    keras-twins export --workdir=RUN --output=models --name=embedder

writes `models/embedder/1/`, the next time `2/`. Servers know a model by the name of its
folder; without --name, --output is that folder.
"""

import json
import re
from pathlib import Path

from absl import flags

from keras_twins import cli
from keras_twins.errors import InputError

cli.define(flags.DEFINE_string, "workdir", None, "Folder of a run that has ended.")
cli.define(
    flags.DEFINE_string,
    "output",
    None,
    "Folder of the model; a new version goes into it.",
)
flags.DEFINE_string(
    "name", None, "Name of the model: its folder becomes --output/NAME, not --output."
)
flags.DEFINE_enum(
    "format",
    "saved_model",
    ["saved_model", "onnx", "litert"],
    "For TensorFlow Serving, ONNX Runtime or LiteRT (the last two: one folder each).",
)
flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_float16", "mixed_bfloat16"],
    "What the exported encoder computes in; default: as it was trained.",
)
flags.mark_flags_as_required(["workdir", "output"])

FLAGS = flags.FLAGS


def main(argv):
    del argv
    from keras_twins.workdir import Workdir

    workdir = Workdir(FLAGS.workdir)
    workdir.read_config()
    output = Path(FLAGS.output)
    if FLAGS.name is not None:
        # What stands in a URL as it is, and is no version's number.
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", FLAGS.name, re.ASCII):
            raise InputError(
                f"--name={FLAGS.name}: expected letters, digits, '_', '-' and '.', a "
                "letter first"
            )
        output /= FLAGS.name
    cli.start_tensorflow()
    version = export(workdir, output, FLAGS.format, FLAGS.precision)
    if FLAGS.format == "saved_model":
        name = version.resolve().parent.name
        print(f"serve it:     keras-twins serve --model_dir={output}")
        print(
            "ask for it:   keras-twins embed --server=http://localhost:8501 "
            f"--model_name={name} PATH..."
        )


def export(workdir, output, file_format="saved_model", precision=None):
    """Exports the encoder of a run that has ended.

    Args:
        workdir: `keras_twins.workdir.Workdir`.
        output: path of the model's folder.
        file_format: "saved_model", "onnx" or "litert".
        precision: name of a Keras dtype policy, or None for the encoder's own.

    Returns:
        path of the new version.

    Raises:
        InputError: for a folder without an encoder, an output that is no folder, or an
            export that does not answer as the encoder does; nothing is published then.
    """
    from keras_twins import export as exports

    write = {
        "saved_model": exports.export_saved_model,
        "onnx": exports.export_onnx,
        "litert": exports.export_litert,
    }[file_format]
    config = workdir.read_config()
    metadata = {"config": config.to_dict()}
    if workdir.evaluation.exists():
        metadata["evaluation"] = json.loads(workdir.evaluation.read_text())
    try:
        version = write(
            workdir.read_encoder(),
            output,
            config.evaluation.image_size,
            resize=config.evaluation.resize,
            precision=precision,
            metadata=metadata,
        )
    except (exports.ExportError, OSError, ValueError) as error:
        raise InputError(f"--output={output}: {error}") from error
    print(f"exported to {version}")
    return version


if __name__ == "__main__":
    cli.run(main)
