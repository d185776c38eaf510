"""A run that nobody trained: its files as `keras-twins train` writes them."""

import json

import numpy as np
import pytest

from keras_twins.workdir import Workdir, as_data, write_json


def lines(epochs, **changes):
    """Metrics of a healthy run, one dict an epoch."""
    found = []
    for epoch in range(1, epochs + 1):
        done = epoch / epochs
        found.append(
            {
                "epoch": epoch,
                "seconds": 10.0,
                "loss": 260.0 * (1 - done) + 10.0 * done,
                "on_diagonal": 0.95 * done,
                "off_diagonal": 0.09,
                "participation_ratio": 20.0 + 10.0 * done,
                "embedding_std": 0.8,
                "knn": 0.9 * min(1.0, 2 * done),
                "evaluation_seconds": 2.0,
                "learning_rate": 1e-3 * (1 - done),
            }
            | changes
        )
    return found


@pytest.fixture
def metrics():
    return lines


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """Makes `(workdir, config)` of a run on digits with so many epochs."""
    from keras_twins import experiment, run_facts
    from keras_twins.configs import digits
    from keras_twins.report import images, snapshots

    made = {}

    def make(epochs=3):
        if epochs in made:
            return made[epochs]
        config = digits.get_config()
        config.encoder.widths = (4, 8, 8)
        config.projector = (16, 160)
        config.epochs = epochs
        config.optimizer.warmup_epochs = 0.0
        workdir = Workdir(tmp_path_factory.mktemp("runs") / f"digits-{epochs}")
        workdir.path.mkdir()
        write_json(workdir.config, as_data(config))
        text = "".join(json.dumps(line) + "\n" for line in lines(epochs))
        workdir.metrics.write_text(text)
        facts = {
            "versions": run_facts.versions(),
            "hardware": run_facts.hardware(),
            "replicas": 1,
            "training_images": 1437,
            "class_names": [str(i) for i in range(10)],
            "steps_per_epoch": 11,
            "batch_size": 128,
            "input_pairs_per_second": 5000.0,
        }
        write_json(workdir.facts, facts)
        model = experiment.model(config)
        pairs = images.snapshot_pairs(config, 100)
        for epoch in sorted({0, epochs // 2, epochs}):
            snapshots.save(workdir.snapshots, snapshots.take(model, pairs, epoch))
        experiment.pixel_encoder(config, model.encoder).save(workdir.encoder)
        made[epochs] = workdir, config
        return made[epochs]

    return make


@pytest.fixture
def rng():
    return np.random.default_rng(0)
