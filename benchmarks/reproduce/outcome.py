"""What came out of a run, evaluated in a process of its own."""

import dataclasses
import json


def evaluate(folder, labels):
    """The accuracies of a run's encoder as JSON types.

    Args:
        folder: str, the workdir of a run that has ended.
        labels: str, the split to learn from; empty for the one that was trained on.
    """
    from keras_twins.commands.startup import start_tensorflow

    start_tensorflow()
    from keras_twins import evaluation
    from keras_twins.runs import images
    from keras_twins.runs.run import Run
    from keras_twins.runs.workdir import Workdir

    run = Run.read(Workdir(folder))
    config = run.config
    splits = [
        images.evaluation_batches(run, run.source(split).dataset(labels=True))
        for split in (labels or config.train_split, config.test_split)
    ]
    settings = {"k": config.evaluation.k, "temperature": config.evaluation.temperature}
    *_, found = evaluation.compare(
        {"trained": run.trained_encoder()}, *splits, **settings
    )
    ran = json.loads(run.workdir.provenance.read_text("utf-8"))
    return {
        "epochs": config.epochs,
        "redundancy_weight": config.loss.redundancy_weight,
        "temperature": config.evaluation.temperature,
        **dataclasses.asdict(found),
        "versions": ran["versions"],
        "hardware": ran["hardware"],
    }
