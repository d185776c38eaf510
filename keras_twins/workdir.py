"""The folder of a run: what is where, and that one run owns it."""

import json
import os
import pathlib

from keras_twins.errors import InputError


class Workdir:
    """The files of one run.

    Args:
        path: str or path. Made by `claim`, not before.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.json"
        self.facts = self.path / "run.json"
        self.metrics = self.path / "metrics.jsonl"
        self.snapshots = self.path / "snapshots"
        self.evaluation = self.path / "evaluation.json"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.encoder = self.path / "encoder.keras"
        self.model = self.path / "model.keras"

    def claim(self, config, write=True):
        """Writes `config.json`, or checks that the one that is here says the same.

        Args:
            config: `ConfigDict`.
            write: bool. Whether this process is the one that writes the folder; the
                others only check it.

        Raises:
            InputError: if the folder belongs to a run with another configuration, or
                holds other things.
        """
        if self.config.exists():
            self._check_same(config)
            return
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--workdir={self.path} is a file")
        if not write:
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise InputError(
                f"--workdir={self.path} is not empty and holds no run (no config.json)"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.config, as_data(config))

    def read_config(self):
        """The configuration of the run, a `ConfigDict`.

        Raises:
            InputError: if the folder holds no run.
        """
        from ml_collections import ConfigDict

        if not self.config.exists():
            raise InputError(f"--workdir={self.path} holds no run (no config.json)")
        return ConfigDict(json.loads(self.config.read_text()))

    def read_encoder(self):
        """The trained encoder of the run, which takes pixels in 0..255.

        Raises:
            InputError: if the run has not ended.
        """
        import keras

        import keras_twins.models  # noqa: F401  (registers what a model may hold)

        if not self.encoder.exists():
            raise InputError(
                f"--workdir={self.path} has no encoder.keras: its run has not ended"
            )
        return keras.models.load_model(self.encoder, compile=False)

    def _check_same(self, config):
        old, new = (
            flatten(json.loads(self.config.read_text())),
            flatten(as_data(config)),
        )
        differing = [
            f"{key}: {json.dumps(old.get(key))} there, {json.dumps(new.get(key))} given"
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
        if differing:
            raise InputError(
                f"--workdir={self.path} holds a run with another configuration "
                f"({'; '.join(differing)}): give the same one, or another folder"
            )


def as_data(config):
    """A configuration as JSON would give it back: tuples become lists."""
    return json.loads(json.dumps(config.to_dict()))


def flatten(data, prefix=""):
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    flat = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def write_json(path, data):
    """Writes a JSON file that appears whole."""
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(json.dumps(data, indent=2) + "\n")
    os.replace(beside, path)
