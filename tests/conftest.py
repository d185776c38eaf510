"""What all tests share: quiet logs, one seed, reference values."""

import json
import os
import pathlib
import socket

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import browsing
import hypothesis
import numpy as np
import pytest

# On a busy machine a case takes as long as it takes.
for _name, _cases in (("short", 80), ("long", 1500)):
    hypothesis.settings.register_profile(_name, deadline=None, max_examples=_cases)
hypothesis.settings.load_profile("short")

# Files of tests that take longest, longest first. They start first, so that at the end
# no process works alone on a long one.
_LONGEST = (
    *("resume_test", "notebooks_test", "distribution_test", "workers_test"),
    *("training_test", "configs_test", "health_test", "first_pass_test"),
    *("embedding_map_test", "life_test", "pipeline_test", "fuzz_test"),
)


def pytest_collection_modifyitems(items):
    place = {name: index for index, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


GOLDEN = pathlib.Path(__file__).parent / "losses" / "golden"


@pytest.fixture(params=sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def golden(request):
    """Inputs, losses and gradients of the two reference codes, in double precision."""
    with np.load(request.param) as file:
        return dict(file)


@pytest.fixture(scope="session", autouse=True)
def converted_images(tmp_path_factory):
    """The cache of converted images, away from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("converted")
        patch.setenv("KERAS_TWINS_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def browser():
    """A browser; a test is skipped where there is none."""
    with browsing.browser("--disable-gpu") as driver:
        yield driver


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def free_addresses():
    """Makes as many loopback addresses as asked for, on which nothing listens."""

    def make(count):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
        for s in sockets:
            s.close()
        return addresses

    return make


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
    from keras_twins import files
    from keras_twins.configs import digits
    from keras_twins.evaluation import snapshots
    from keras_twins.runs import images, parts, provenance
    from keras_twins.runs.run import Run
    from keras_twins.runs.workdir import Workdir, as_data

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
        files.write_json(workdir.config, as_data(config))
        text = "".join(json.dumps(line) + "\n" for line in lines(epochs))
        workdir.metrics.write_text(text)
        ran = {
            "versions": provenance.versions(),
            "hardware": provenance.hardware(),
            "replicas": 1,
            "training_images": 1437,
            "class_names": [str(i) for i in range(10)],
            "steps_per_epoch": 11,
            "batch_size": 128,
            "input_pairs_per_second": 5000.0,
        }
        files.write_json(workdir.provenance, ran)
        model = parts.model(config)
        pairs = images.snapshot_pairs(Run(config, workdir), 100)
        taker = snapshots.Taker(model, pairs)
        for epoch in sorted({0, epochs // 2, epochs}):
            snapshots.save(workdir.snapshots, taker.take(epoch))
        parts.saved_encoder(config, model.encoder).save(workdir.encoder)
        made[epochs] = workdir, config
        return made[epochs]

    return make
