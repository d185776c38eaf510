"""What a run has written down, read back for the page."""

import dataclasses
import json
import math
from typing import Any

from keras_twins.errors import InputError
from keras_twins.report import snapshots


@dataclasses.dataclass(frozen=True)
class Record:
    """The files of one run.

    Attributes:
        name: str, the folder's name.
        config: `ConfigDict`.
        metrics: list of dict, a line of `metrics.jsonl` each; not empty.
        facts: dict of `run.json`, empty where a run has none.
        snapshots: list of `keras_twins.report.snapshots.Snapshot`, which may be empty.
        evaluation: dict of `evaluation.json`, or None.
    """

    name: str
    config: Any
    metrics: list[dict]
    facts: dict
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
        if not self.facts:
            return None
        return self.epochs * self.facts["steps_per_epoch"] * self.facts["batch_size"]

    def curve(self, name):
        """`(epochs, values)` of one metric where it was measured and is finite."""
        points = [
            (line["epoch"], line[name])
            for line in self.metrics
            if line.get(name) is not None and math.isfinite(line[name])
        ]
        return [p[0] for p in points], [p[1] for p in points]


def read(workdir):
    """Reads the files of a run.

    Args:
        workdir: `keras_twins.workdir.Workdir`.

    Raises:
        InputError: for a folder without a run, a run without an epoch, or a file that
            cannot be read.
    """
    config = workdir.read_config()
    metrics = []
    if workdir.metrics.exists():
        lines = workdir.metrics.read_text().splitlines()
        metrics = [_parse(workdir.metrics, line) for line in lines if line.strip()]
    if not metrics:
        raise InputError(
            f"--workdir={workdir.path} has no epoch to report on (no line in "
            "metrics.jsonl)"
        )
    evaluation = _read_json(workdir.evaluation)
    return Record(
        name=workdir.path.resolve().name,
        config=config,
        metrics=metrics,
        facts=_read_json(workdir.facts) or {},
        snapshots=snapshots.read(workdir.snapshots),
        evaluation=evaluation,
    )


def _read_json(path):
    return _parse(path, path.read_text()) if path.exists() else None


def _parse(path, text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
