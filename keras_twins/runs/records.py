"""What a run has written down, read back."""

import dataclasses
import json
import math
from typing import Any

from keras_twins.errors import InputError
from keras_twins.callbacks import snapshots


@dataclasses.dataclass(frozen=True)
class Record:
    """The files of one run.

    Attributes:
        name: str, the folder's name.
        config: `ConfigDict`.
        metrics: list of dict, a line of `metrics.jsonl` each; not empty.
        provenance: dict of `run.json`, empty where a run has none.
        snapshots: list of `keras_twins.callbacks.snapshots.Snapshot`, which may be empty.
        evaluation: dict of `evaluation.json`, or None.
    """

    name: str
    config: Any
    metrics: list[dict]
    provenance: dict
    snapshots: list
    evaluation: dict | None

    @property
    def epochs(self):
        """How many epochs have been trained."""
        return self.metrics[-1]["epoch"]

    @property
    def seconds(self):
        """How long the epochs took together."""
        return sum(line["seconds"] for line in self.metrics)

    @property
    def images_seen(self):
        """Images whose views were trained on, or None where it was not recorded."""
        if not self.provenance:
            return None
        return self.epochs * self.provenance["steps_per_epoch"] * self.provenance["batch_size"]

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
    workdir = run.workdir
    workdir.check_begun()
    return Record(
        name=workdir.path.resolve().name,
        config=run.config,
        metrics=workdir.read_metrics(),
        provenance=_read_json(workdir.provenance) or {},
        snapshots=snapshots.read(workdir.snapshots),
        evaluation=_read_json(workdir.evaluation),
    )


def _read_json(path):
    try:
        return json.loads(path.read_text()) if path.exists() else None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
