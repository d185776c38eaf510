"""`keras-twins evaluate`: what a trained encoder is worth beside raw pixels."""

import dataclasses
import sys

from absl import flags

from keras_twins import cli

cli.define(flags.DEFINE_string, "workdir", None, "Folder of a run that has ended.")
flags.DEFINE_string("dataset", None, "Data set to evaluate on; default: the run's own.")
flags.DEFINE_string("data_dir", None, "Where TensorFlow data sets are prepared.")
flags.DEFINE_float("temperature", None, "Of kNN's weights; default: the run's.")
flags.mark_flag_as_required("workdir")

FLAGS = flags.FLAGS


def main(argv):
    del argv
    from keras_twins.workdir import Workdir

    workdir = Workdir(FLAGS.workdir)
    config = workdir.read_config()
    if FLAGS.dataset:
        config.dataset = FLAGS.dataset
    if FLAGS.data_dir:
        config.data_dir = FLAGS.data_dir
    if FLAGS.temperature is not None:
        config.evaluation.temperature = FLAGS.temperature
    cli.start_tensorflow()
    evaluate(config, workdir, verbose=sys.stdout.isatty())


def evaluate(config, workdir, verbose=1):
    """Prints a table of accuracies and writes it to the run's `evaluation.json`.

    Args:
        config: `ConfigDict` of the run; its data set is what is evaluated on.
        workdir: `keras_twins.workdir.Workdir` of a run that has ended.
        verbose: 0 or 1, whether to show progress.

    Returns:
        list of `keras_twins.evaluation.Row`.

    Raises:
        InputError: for a folder without an encoder, or data without labels.
    """
    import rich

    from keras_twins import evaluation, experiment
    from keras_twins.workdir import write_json

    trained = workdir.read_encoder()
    splits = [
        experiment.evaluation_batches(config, experiment.load(config, split, True))
        for split in (config.train_split, config.test_split)
    ]
    untrained = experiment.pixel_encoder(config, experiment.model(config).encoder)
    rows = evaluation.compare(
        {
            "raw pixels": evaluation.raw_pixels,
            "untrained encoder": untrained,
            "trained encoder": trained,
        },
        *splits,
        k=config.evaluation.k,
        temperature=config.evaluation.temperature,
        verbose=verbose,
    )
    rich.print(evaluation.format_table(rows))
    write_json(workdir.evaluation, [dataclasses.asdict(row) for row in rows])
    print(f"written to {workdir.evaluation}")
    return rows


if __name__ == "__main__":
    cli.run(main)
