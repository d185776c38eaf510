"""`keras-twins evaluate`: what a trained encoder is worth beside raw pixels."""

import dataclasses

import rich
from absl import flags as absl_flags

from keras_twins import files, progress
from keras_twins.commands import cli, recordings, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError, UnreadableImage
from keras_twins.runs.workdir import STUDENT, TEACHER, Workdir

_ENCODERS = ("raw pixels", "untrained encoder", "trained encoder")
_FEW = 10  # labels of each class, of the probe that sees few
_OF_THE_RUN = ("dataset", "data_dir", "train_split", "test_split", "label_key")


def define_flags(flags):
    shared_flags.define_workdir(flags)
    shared_flags.define_network(flags)
    texts = {
        "dataset": "Data set to evaluate on; default: the run's own.",
        "data_dir": "Where TensorFlow data sets are prepared.",
        "train_split": "Split to learn from; default: the run's.",
        "label_key": "Labels of a TensorFlow data set; default: the run's.",
        "test_split": "Split to be right on; default: the run's, or a part held out.",
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
    workdir.check_network(flags.network)
    percentages = [_percentage(text) for text in flags.finetune]
    changed = {key: flags[key].value for key in _OF_THE_RUN if flags[key].value}
    if flags.temperature is not None:
        changed["evaluation"] = {"temperature": flags.temperature}
    start_tensorflow()
    from keras_twins.runs import of_sounds  # They import TensorFlow.
    from keras_twins.runs.run import Run

    run = Run.read(workdir, **changed)
    if of_sounds.is_it(run.config):
        if percentages:
            raise InputError("--finetune: encoders of recordings are not fine-tuned")
        recordings.evaluate(run, flags.probe, verbose=1, network=flags.network)
        return
    if flags.test_split:
        run.source(flags.test_split)  # One that was asked for is not done without.
    evaluate(
        run,
        protocol=flags.probe,
        fine_tune=percentages,
        verbose=1,
        network=flags.network,
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


def evaluate(run, protocol="lbfgs", fine_tune=(), verbose=1, network=STUDENT):
    """Prints a table of accuracies and writes it to the run's `evaluation.json`.

    What cannot be measured is a dash with its reason below the table. Nothing is tested
    on images that a classifier learned from: see `keras_twins.runs.labelled`.

    Args:
        run: `keras_twins.runs.run.Run` that has ended; its data set is evaluated on.
        protocol: "lbfgs" or "sgd", of the probes.
        fine_tune: percentages of the labels to fine-tune the encoders with.
        verbose: 0 or 1, whether to show progress.
        network: `STUDENT` or `TEACHER`, which the trained encoder is of a run that has
            both.

    Returns:
        list of `keras_twins.evaluation.Row`.

    Raises:
        InputError: for a folder without an encoder or teacher, or images that cannot be
            read.
    """
    from keras_twins import evaluation  # It imports TensorFlow.
    from keras_twins.runs import labelled

    config = run.config
    run.workdir.check_ended()
    run.workdir.check_network(network)
    parts = labelled.parts(run)
    try:
        rows = _rows(run, parts, protocol, fine_tune, verbose, network)
    except UnreadableImage:  # Another data set than the run's has not been looked at.
        parts = labelled.readable(parts)
        rows = _rows(run, parts, protocol, fine_tune, verbose, network)
    if parts.said:
        print(parts.said)
    if network == TEACHER:
        print("The trained encoder is the teacher of the run.")
    rich.print(evaluation.format_table(rows))
    shared = _shared(run, parts)
    if shared:
        print(shared)
    found = {
        "dataset": config.dataset,
        "train_split": config.train_split,
        "test_split": parts.split or config.test_split,
        "train_images": parts.train.num_images if parts.train else 0,
        "test_images": parts.test.num_images if parts.test else 0,
        "test_images_in_train": shared.shared if shared else None,
        "held_out": parts.said,
        "image_size": config.evaluation.image_size,
        "temperature": config.evaluation.temperature,
        "probe": protocol,
        "epochs": config.epochs,
        "network": network,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    files.write_json(run.workdir.evaluation, found)
    print(f"written to {run.workdir.evaluation}")
    return rows


def _shared(run, parts):
    """How many test images are training images, too; None where there are no parts."""
    from keras_twins.evaluation.shared_pictures import count_shared  # It imports TF.
    from keras_twins.runs.images import evaluation_batches

    if parts.missing:
        return None
    train, test = (
        evaluation_batches(run, source.dataset())
        for source in (parts.train, parts.test)
    )
    with progress.stage("looking for test images among the training images"):
        return count_shared(train, test)


def _rows(run, parts, protocol, fine_tune, verbose, network):
    from keras_twins import data, evaluation  # They import TensorFlow.
    from keras_twins.evaluation import rows
    from keras_twins.runs import images
    from keras_twins.runs import parts as run_parts

    config = run.config
    if parts.missing:
        percentages = tuple(f"{percentage:g}" for percentage in fine_tune)
        settings = rows.Settings(config.evaluation.k, _FEW, percentages)
        names = (rows.MOST_FREQUENT, *_ENCODERS)
        return [rows.unmeasured(name, parts.missing, settings) for name in names]
    encoders = (
        evaluation.raw_pixels,
        run_parts.saved_encoder(config, run_parts.model(config).encoder),
        run.trained_encoder(network),
    )
    train, test = (s.dataset(labels=True) for s in (parts.train, parts.test))
    with data.explain_read_errors(train), data.explain_read_errors(test):
        return evaluation.compare(
            dict(zip(_ENCODERS, encoders, strict=True)),
            images.evaluation_batches(run, train),
            images.evaluation_batches(run, test),
            k=config.evaluation.k,
            temperature=config.evaluation.temperature,
            few=_FEW,
            protocol=protocol,
            fine_tune=fine_tune,
            verbose=verbose,
        )


if __name__ == "__main__":
    cli.main("evaluate")
