"""What `keras-twins evaluate` prints and writes of a run of recordings."""

import dataclasses

import rich

from keras_twins import files
from keras_twins.runs.workdir import STUDENT


def evaluate(run, protocol="lbfgs", verbose=1, network=STUDENT):
    """Prints a table for each division of a run's recordings.

    It goes into the run's `evaluation.json`, whose `rows` are those of the first one.

    Args:
        run: `keras_twins.runs.run.Run` of recordings that has ended.
        protocol: "lbfgs" or "sgd", of the probe.
        verbose: 0 or 1, whether to show progress.
        network: `STUDENT` or `TEACHER`, which the trained encoder is.

    Returns:
        dict from the name of a division to a list of `keras_twins.evaluation.Row`.

    Raises:
        InputError: for a folder without an encoder or teacher, recordings that cannot
            be read, or nothing to measure.
    """
    from keras_twins import evaluation  # They import TensorFlow.
    from keras_twins.evaluation import folds
    from keras_twins.runs import divisions

    config = run.config
    found = divisions.of_run(run)
    features = _features(run, found.sources, verbose, network)
    tables = {}
    for division in found.divisions:
        tables[division.name] = folds.compare_divided(
            features,
            found.labels,
            division,
            k=config.evaluation.k,
            temperature=config.evaluation.temperature,
            standardise=config.evaluation.standardise,
            protocol=protocol,
        )
        rich.print(evaluation.format_table(tables[division.name], _title(division)))
    for line in found.said:
        print(line)
    _write(run, found, tables, protocol, network)
    return tables


def _features(run, sources, verbose, network):
    """The embeddings of all recordings by each encoder, dict by its name."""
    from keras_twins.evaluation import folds  # They import TensorFlow.
    from keras_twins.runs import images, parts

    untrained = parts.saved_encoder(run.config, parts.model(run.config).encoder)
    encoders = {
        "raw statistics": folds.raw_statistics,
        "untrained encoder": untrained,
        "trained encoder": run.trained_encoder(network),
    }
    return {
        name: images.embeddings(sources, encoder, verbose)
        for name, encoder in encoders.items()
    }


def _title(division):
    folds = len(division.tests)
    if folds == 1:
        return division.name
    return f"{division.name}: mean ± standard deviation of {folds} folds"


def _write(run, found, tables, protocol, network):
    config = run.config
    rows = {
        name: [dataclasses.asdict(row) for row in table]
        for name, table in tables.items()
    }
    files.write_json(
        run.workdir.evaluation,
        {
            "dataset": config.dataset,
            "train_split": config.train_split,
            "test_split": config.test_split,
            "recordings": len(found.labels),
            "temperature": config.evaluation.temperature,
            "standardise": config.evaluation.standardise,
            "probe": protocol,
            "epochs": config.epochs,
            "network": network,
            "said": found.said,
            "divisions": [
                {"name": d.name, "folds": len(d.tests), "rows": rows[d.name]}
                for d in found.divisions
            ],
            "rows": rows[found.divisions[0].name],
        },
    )
    print(f"written to {run.workdir.evaluation}")
