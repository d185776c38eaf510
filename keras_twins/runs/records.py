"""What a run has written down, read back for whoever shows it."""

import dataclasses
import json
import math

from keras_twins.errors import InputError
from keras_twins.evaluation import snapshots
from keras_twins.losses import Levels
from keras_twins.runs import methods
from keras_twins.runs.workdir import STUDENT, as_data, flatten


@dataclasses.dataclass(frozen=True)
class Record:
    """The files of one run.

    Attributes:
        name: str, the folder's name.
        subject: str, what was trained on what.
        settings: dict, the configuration with keys such as "loss.name".
        parts: dict of texts, what the run was made of.
        epochs_asked: int, how many epochs it is to have.
        batch_size: int, N.
        width: int, D, of the projections.
        term_names: tuple of str, the terms of its loss.
        levels: `keras_twins.losses.Levels` of its loss, or None.
        metrics: list of dict, a line of `metrics.jsonl` each; not empty.
        provenance: dict of `run.json`, empty where a run has none.
        snapshots: list of `keras_twins.evaluation.snapshots.Snapshot`, which may be
            empty.
        evaluation: dict of `evaluation.json`, or None.
        measures: dict of `measures.json`, what was not measured while training
            (`missing`) and how kNN was (`notes`); empty where nothing was said.
    """

    name: str
    subject: str
    settings: dict
    parts: dict[str, str]
    epochs_asked: int
    batch_size: int
    width: int
    term_names: tuple[str, ...]
    levels: Levels | None
    metrics: list[dict]
    provenance: dict
    snapshots: list
    evaluation: dict | None
    measures: dict = dataclasses.field(default_factory=dict)

    @property
    def epochs(self):
        """How many epochs have been trained."""
        return self.metrics[-1]["epoch"]

    @property
    def seconds(self):
        """How long the epochs took together."""
        return sum(line["seconds"] for line in self.metrics)

    @property
    def images_per_epoch(self):
        """Images of an epoch, or None where it was not recorded."""
        if not self.provenance:
            return None
        return self.provenance["steps_per_epoch"] * self.provenance["batch_size"]

    @property
    def images_seen(self):
        """Images whose views were trained on, or None where it was not recorded."""
        return self.images_per_epoch and self.epochs * self.images_per_epoch

    def curve(self, name):
        """`(epochs, values)` of one metric where it was measured and is finite."""
        points = [
            (line["epoch"], line[name])
            for line in self.metrics
            if line.get(name) is not None and math.isfinite(line[name])
        ]
        return [p[0] for p in points], [p[1] for p in points]


def read(run):
    """Reads what a run has written.

    Args:
        run: `keras_twins.runs.run.Run`.

    Raises:
        InputError: for a run without an epoch, or a file that cannot be read.
    """
    workdir, config = run.workdir, run.config
    workdir.check_begun()
    term_names, levels = methods.reading(config)
    return Record(
        name=workdir.path.resolve().name,
        subject=f"{config.loss.name} on {config.dataset}",
        settings=flatten(as_data(config)),
        parts=_parts(config),
        epochs_asked=config.epochs,
        batch_size=config.batch_size,
        width=config.projector[-1],
        term_names=term_names,
        levels=levels,
        metrics=workdir.read_metrics(),
        provenance=_read_json(workdir.provenance) or {},
        snapshots=snapshots.read(workdir.snapshots),
        evaluation=evaluation(workdir),
        measures=_read_json(workdir.measures) or {},
    )


def evaluation(workdir):
    """What `evaluation.json` of a run says, a dict; None where there is none."""
    return _read_json(workdir.evaluation)


def network(evaluation):
    """Which network an evaluation is of; without one, and of old, the student."""
    return (evaluation or {}).get("network", STUDENT)


def _parts(config):
    return {
        "data": f"{config.dataset}, split {config.train_split}",
        "loss": config.loss.name,
        "projector": "-".join(str(width) for width in config.projector),
        **methods.described(config),
        "encoder": config.encoder.name,
        "optimizer": f"{config.optimizer.name}, learning rate "
        f"{config.optimizer.learning_rate:g}",
    }


def _read_json(path):
    try:
        return json.loads(path.read_text()) if path.exists() else None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
