"""`keras-twins evaluate`: what a trained encoder is worth beside raw pixels."""

import dataclasses

import rich
from absl import flags as absl_flags

from keras_twins import files
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.runs.workdir import Workdir

_OF_THE_RUN = ("dataset", "data_dir", "train_split", "test_split")


def define_flags(flags):
    shared_flags.define_workdir(flags)
    texts = {
        "dataset": "Data set to evaluate on; default: the run's own.",
        "data_dir": "Where TensorFlow data sets are prepared.",
        "train_split": "Split to learn from; default: the run's.",
        "test_split": "Split to be right on; default: the run's.",
    }
    for name, text in texts.items():
        absl_flags.DEFINE_string(name, None, text, flag_values=flags)
    absl_flags.DEFINE_float(
        "temperature", None, "Of kNN's weights; default: the run's.", flag_values=flags
    )
    absl_flags.DEFINE_enum(
        "probe",
        "lbfgs",
        ["lbfgs", "sgd"],
        "The probes' solver; sgd: as in the papers.",
        flag_values=flags,
    )
    absl_flags.DEFINE_list(
        "finetune",
        [],
        "Percentages of the labels to fine-tune the encoder with: 1,10,100.",
        flag_values=flags,
    )


def main(flags, paths):
    workdir = Workdir(flags.workdir)
    workdir.check_ended()  # Said before TensorFlow starts.
    percentages = [_percentage(text) for text in flags.finetune]
    changed = {key: flags[key].value for key in _OF_THE_RUN if flags[key].value}
    if flags.temperature is not None:
        changed["evaluation"] = {"temperature": flags.temperature}
    start_tensorflow()
    from keras_twins.runs.run import Run  # It imports TensorFlow.

    evaluate(
        Run.read(workdir, **changed),
        protocol=flags.probe,
        fine_tune=percentages,
        verbose=1,
    )


def _percentage(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:
        raise InputError(
            f"--finetune={text}: not a percentage of the labels; give numbers above 0 "
            "and up to 100, such as 1,10,100"
        )
    return value


def evaluate(run, protocol="lbfgs", fine_tune=(), verbose=1):
    """Prints a table of accuracies and writes it to the run's `evaluation.json`.

    Args:
        run: `keras_twins.runs.run.Run` that has ended; its data set is evaluated on.
        protocol: "lbfgs" or "sgd", of the probes.
        fine_tune: percentages of the labels to fine-tune the encoders with.
        verbose: 0 or 1, whether to show progress.

    Returns:
        list of `keras_twins.evaluation.Row`.

    Raises:
        InputError: for a folder without an encoder, or data without labels.
    """
    from keras_twins import evaluation  # It imports TensorFlow.
    from keras_twins.runs import images, parts

    config = run.config
    sources = [run.source(split) for split in (config.train_split, config.test_split)]
    splits = [
        images.evaluation_batches(run, source.dataset(labels=True))
        for source in sources
    ]
    rows = evaluation.compare(
        {
            "raw pixels": evaluation.raw_pixels,
            "untrained encoder": parts.pixel_encoder(
                config, parts.model(config).encoder
            ),
            "trained encoder": run.trained_encoder(),
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
        "train_images": sources[0].num_images,
        "test_images": sources[1].num_images,
        "image_size": config.evaluation.image_size,
        "temperature": config.evaluation.temperature,
        "probe": protocol,
        "epochs": config.epochs,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    files.write_json(run.workdir.evaluation, found)
    print(f"written to {run.workdir.evaluation}")
    return rows


if __name__ == "__main__":
    cli.main("evaluate")
