"""Checkpoints of a run: files that are whole, verified, and named by their position."""

import hashlib
import re
import zipfile
from typing import NamedTuple

import numpy as np

from keras_twins import files


class Position(NamedTuple):
    """How far a run has come: whole epochs, and steps of the running one."""

    epoch: int
    step: int

    def __str__(self):
        if not self.step:
            return f"epoch {self.epoch}"
        return f"step {self.step} of epoch {self.epoch + 1}"


START = Position(0, 0)


def save(model, directory, position, keep):
    """Writes the weights, the optimizer's state and the metrics of a running epoch.

    The file is written beside, reaches the disk, and is renamed; its SHA-256 is beside
    it, as `sha256sum` writes it. Of the older ones, `keep - 1` stay.

    Args:
        model: compiled `keras_twins.models.Twins`.
        directory: path.
        position: `Position` after the last step.
        keep: int, 1 or more.

    Raises:
        OSError: where the disk is full, for instance; what was there is intact then.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"epoch-{position.epoch:05d}-step-{position.step:07d}.npz"
    with files.whole(path) as beside:
        np.savez(beside, **state(model))
        files.write_text(_digest_path(path), f"{_digest(beside)}  {path.name}\n")
    for left_behind in directory.glob(f"{files.PARTIAL}*"):
        left_behind.unlink()
    found = _found(directory)
    # What lies ahead was passed over when the run went on from here.
    kept = [path for other, path in found if other <= position][-keep:]
    for _, path in found:
        if path not in kept:
            path.unlink()
            _digest_path(path).unlink(missing_ok=True)


def restore(model, directory):
    """Loads the newest checkpoint that is whole, where there is one.

    One line is printed of each that is not.

    Args:
        model: compiled `keras_twins.models.Twins` with its optimizer built.
        directory: path, which may not exist.

    Returns:
        `Position` from which the model is to go on.
    """
    for position, path in reversed(_found(directory)):
        found = _read(path)
        if found is None:
            print(f"passed over {path}: it is torn or corrupt (its SHA-256 differs)")
        elif not _fits(model, found):
            print(f"passed over {path}: it is of a model of other shapes")
        else:
            assign(model, found)
            return position
    return START


def newest(directory):
    """`(position, path)` of the newest checkpoint, or None."""
    found = _found(directory)
    return found[-1] if found else None


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_path(path):
    return path.with_suffix(".sha256")


def _read(path):
    """The arrays of a checkpoint; None where its bytes are not those written."""
    try:
        if _digest_path(path).read_text().split()[:1] != [_digest(path)]:
            return None
        with np.load(path) as file:
            return dict(file)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def _found(directory):
    """`(position, path)` of the checkpoints in a directory, oldest first."""
    matches = (
        (re.fullmatch(r"epoch-(\d+)-step-(\d+)\.npz", path.name), path)
        for path in (directory.iterdir() if directory.is_dir() else ())
    )
    return sorted(
        (Position(int(match[1]), int(match[2])), path)
        for match, path in matches
        if match
    )


def _variables(model):
    """Everything that a step changes, by a name that no process gives otherwise."""
    parts = {
        "weight": model.weights,
        "optimizer": model.optimizer.variables,
        "metric": [v for metric in model.metrics for v in metric.variables],
    }
    known = {id(variable) for found in parts.values() for variable in found}
    # What dropout draws with, where a network has some.
    networks = (model.encoder, model.projector, model.predictor, model.teacher)
    drawn_with = (v for network in networks if network for v in network.variables)
    parts["seed"] = [v for v in drawn_with if id(v) not in known]
    return {
        f"{part}-{index:05d}": variable
        for part, variables in parts.items()
        for index, variable in enumerate(variables)
    }


def state(model):
    """Everything that a step changes, a dict of arrays for `assign`."""
    return {name: local_value(v) for name, v in _variables(model).items()}


def _fits(model, values):
    shapes = {name: tuple(v.shape) for name, v in _variables(model).items()}
    return shapes == {name: value.shape for name, value in values.items()}


def assign(model, values):
    """Puts back what `state` gave of a model that was compiled alike."""
    variables = _variables(model)
    strategy = model.distribute_strategy

    def assign_metrics():
        for name, variable in variables.items():
            if name.startswith("metric"):
                variable.assign(values[name])

    with strategy.scope():
        for name, variable in variables.items():
            if not name.startswith("metric"):
                variable.assign(values[name])
        # Each replica holds the metrics of the global batch: assigned from outside,
        # a sum would be shared among them.
        strategy.run(assign_metrics)


def local_value(variable):
    """A variable's value in this process's first replica, as a NumPy array.

    Read in the ordinary way, what replicas hold each for themselves would be summed by
    all workers, of which only one may be reading.
    """
    value = variable.value
    return getattr(value, "values", (value,))[0].numpy()
