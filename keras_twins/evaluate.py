"""`keras-twins evaluate`: what a trained encoder is worth beside raw pixels."""

import dataclasses
import sys

from absl import flags

from keras_twins import cli
from keras_twins.errors import InputError

cli.define(flags.DEFINE_string, "workdir", None, "Folder of a run that has ended.")
flags.DEFINE_string("dataset", None, "Data set to evaluate on; default: the run's own.")
flags.DEFINE_string("data_dir", None, "Where TensorFlow data sets are prepared.")
flags.DEFINE_string("train_split", None, "Split to learn from; default: the run's.")
flags.DEFINE_string("test_split", None, "Split to be right on; default: the run's.")
flags.DEFINE_float("temperature", None, "Of kNN's weights; default: the run's.")
flags.DEFINE_enum(
    "probe", "lbfgs", ["lbfgs", "sgd"], "The probes' solver; sgd: as in the papers."
)
flags.DEFINE_list(
    "finetune", [], "Percentages of the labels to fine-tune the encoder with: 1,10,100."
)
flags.mark_flag_as_required("workdir")

FLAGS = flags.FLAGS


def main(argv):
    del argv
    from keras_twins.workdir import Workdir

    workdir = Workdir(FLAGS.workdir)
    config = workdir.read_config()
    for key in ("dataset", "data_dir", "train_split", "test_split"):
        if getattr(FLAGS, key):
            config[key] = getattr(FLAGS, key)
    if FLAGS.temperature is not None:
        config.evaluation.temperature = FLAGS.temperature
    percentages = [_percentage(text) for text in FLAGS.finetune]
    cli.start_tensorflow()
    evaluate(
        config,
        workdir,
        protocol=FLAGS.probe,
        fine_tune=percentages,
        verbose=int(sys.stdout.isatty()),
    )


def _percentage(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:
        raise InputError(
            f"--finetune={text} is no percentage of the labels: give numbers above 0 "
            "and up to 100, such as 1,10,100"
        )
    return value


def evaluate(config, workdir, protocol="lbfgs", fine_tune=(), verbose=1):
    """Prints a table of accuracies and writes it to the run's `evaluation.json`.

    Args:
        config: `ConfigDict` of the run; its data set is what is evaluated on.
        workdir: `keras_twins.workdir.Workdir` of a run that has ended.
        protocol: "lbfgs" or "sgd", of the probes.
        fine_tune: percentages of the labels to fine-tune the encoders with.
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
    images = [
        experiment.load(config, split, labels=True)
        for split in (config.train_split, config.test_split)
    ]
    splits = [experiment.evaluation_batches(config, part) for part in images]
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
        protocol=protocol,
        fine_tune=fine_tune,
        verbose=verbose,
    )
    rich.print(evaluation.format_table(rows))
    found = {
        "dataset": config.dataset,
        "train_split": config.train_split,
        "test_split": config.test_split,
        "train_images": int(images[0].cardinality()),
        "test_images": int(images[1].cardinality()),
        "image_size": config.evaluation.image_size,
        "temperature": config.evaluation.temperature,
        "probe": protocol,
        "epochs": config.epochs,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    write_json(workdir.evaluation, found)
    print(f"written to {workdir.evaluation}")
    return rows


if __name__ == "__main__":
    cli.run(main)
