"""`keras-twins export`: a SavedModel of a run's encoder, for TensorFlow Serving."""

from absl import flags

from keras_twins import cli

flags.DEFINE_string("workdir", None, "Folder of a run that has ended.")
flags.DEFINE_string("output", None, "Folder of the model; a new version goes into it.")
flags.mark_flags_as_required(["workdir", "output"])

FLAGS = flags.FLAGS


def main(argv):
    del argv
    cli.start_tensorflow()

    from keras_twins.workdir import Workdir

    export(Workdir(FLAGS.workdir), FLAGS.output)


def export(workdir, output):
    """Exports the encoder of a run that has ended.

    Args:
        workdir: `keras_twins.workdir.Workdir`.
        output: path of the model's folder.

    Returns:
        path of the new version.

    Raises:
        InputError: for a folder without an encoder, or an output that is none.
    """
    import json

    from keras_twins.export import export_saved_model

    config = workdir.read_config()
    metadata = {"config": config.to_dict()}
    if workdir.evaluation.exists():
        metadata["evaluation"] = json.loads(workdir.evaluation.read_text())
    version = export_saved_model(
        workdir.read_encoder(),
        output,
        config.evaluation.image_size,
        resize=config.evaluation.resize,
        metadata=metadata,
    )
    print(f"exported to {version}")
    return version


if __name__ == "__main__":
    cli.run(main)
