"""What came out of a run, evaluated in a process of its own."""

import dataclasses
import json


def evaluate(folder, labels):
    """The accuracies of a run's encoder as JSON types.

    Args:
        folder: str, the workdir of a run that has ended.
        labels: str, the split to learn from; empty for the one that was trained on.
    """
    from keras_twins import cli

    cli.start_tensorflow()
    from keras_twins import evaluation, experiment
    from keras_twins.workdir import Workdir

    workdir = Workdir(folder)
    config = workdir.read_config()
    splits = [
        experiment.evaluation_batches(config, experiment.load(config, split, True))
        for split in (labels or config.train_split, config.test_split)
    ]
    settings = {"k": config.evaluation.k, "temperature": config.evaluation.temperature}
    (found,) = evaluation.compare(
        {"trained": workdir.read_encoder()}, *splits, **settings
    )
    facts = json.loads(workdir.facts.read_text("utf-8"))
    return {
        "epochs": config.epochs,
        "redundancy_weight": config.loss.redundancy_weight,
        "temperature": config.evaluation.temperature,
        **dataclasses.asdict(found),
        "versions": facts["versions"],
        "hardware": facts["hardware"],
    }
