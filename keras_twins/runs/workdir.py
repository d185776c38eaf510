"""The folder of a run: what is where, and that one run owns it."""

import fcntl
import json
import math
import pathlib

from ml_collections import ConfigDict

from keras_twins import files
from keras_twins.errors import InputError

# What changes nothing in the weights may differ when a run goes on.
_ADJUSTABLE = ("checkpoint.", "collapse.", "max_bad_images")


class Workdir:
    """The files of one run.

    Args:
        path: str or path. Made by `claim`, not before.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._lock = None
        self.config = self.path / "config.json"
        self.provenance = self.path / "run.json"
        self.metrics = self.path / "metrics.jsonl"
        self.images = self.path / "images.json"
        self.bad_images = self.path / "bad_images.txt"
        self.converted_images = self.path / "converted_images.txt"
        self.measures = self.path / "measures.json"
        self.snapshots = self.path / "snapshots"
        self.evaluation = self.path / "evaluation.json"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.encoder = self.path / "encoder.keras"
        self.model = self.path / "model.keras"

    def claim(self, config, write=True):
        """Writes `config.json`, or checks that the one that is here says the same.

        Keys that change nothing in the weights may differ.

        Args:
            config: `ConfigDict`.
            write: bool. Whether this process is the one that writes the folder; the
                others only check it. It holds a lock until it ends.

        Raises:
            InputError: if the folder belongs to a run with another configuration, or
                holds other things, or another process writes it.
        """
        if self.config.exists():
            self._check_same(config)
        if not write:
            return
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--workdir={self.path} is a file")
        if self.path.is_dir() and not self.config.exists():
            # What a process left that ended before it wrote anything is nothing.
            if any(not entry.name.startswith(".") for entry in self.path.iterdir()):
                raise InputError(
                    f"--workdir={self.path} is not empty and holds no run "
                    "(no config.json)"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock_it()
        if self.config.exists():
            self._check_same(config)  # Another may have claimed it since.
            if json.loads(self.config.read_text()) == as_data(config):
                return
        files.write_json(self.config, as_data(config))

    def release(self):
        """Gives the lock of `claim` back, where this process holds it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _lock_it(self):
        """Takes the lock, which the kernel gives back when this process ends.

        A read-only folder, or a file system without locks, is an `OSError` here.
        """
        if self._lock is not None:
            return
        lock = (self.path / ".lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InputError(
                f"--workdir={self.path} is being written by another process: wait for "
                "it, or give another folder"
            ) from None
        self._lock = lock

    def read_config(self):
        """The configuration of the run, a `ConfigDict`.

        Raises:
            InputError: if the folder holds no run.
        """
        if not self.config.exists():
            raise InputError(f"--workdir={self.path} holds no run (no config.json)")
        return ConfigDict(json.loads(self.config.read_text()))

    def read_bad_images(self):
        """The images that the run leaves out, a frozenset of names."""
        # Runs of earlier versions have names alone.
        return frozenset(
            line if isinstance(line, str) else line[0]
            for line in _read_lines(self.bad_images)
        )

    def write_bad_images(self, reasons):
        """Writes `bad_images.txt`: a JSON list of name and reason per line.

        Args:
            reasons: dict of str by str, why each image cannot be read, by its name.
        """
        _write_lines(self.bad_images, map(list, reasons.items()))

    def read_converted_images(self):
        """The files that are converted whatever they look like, a frozenset of str."""
        return frozenset(_read_lines(self.converted_images))

    def write_converted_images(self, paths):
        """Writes `converted_images.txt`, a JSON string per line."""
        _write_lines(self.converted_images, paths)

    def read_levels(self):
        """The levels of the 16-bit samples that the run has, `(low, high)` or None."""
        if not self.images.exists():
            return None
        found = json.loads(self.images.read_text()).get("levels")
        return found and tuple(found)

    def read_metrics(self, epochs=math.inf):
        """The lines of `metrics.jsonl` of the first `epochs` epochs, a list of dict.

        Raises:
            InputError: for a line that cannot be read.
        """
        try:
            lines = files.read_json_lines(self.metrics)
        except ValueError as error:
            raise InputError(f"{self.metrics} cannot be read: {error}") from error
        return [line for line in lines if line["epoch"] <= epochs]

    def check_begun(self):
        """Raises InputError unless a run is there that has trained for an epoch."""
        self.read_config()
        if not self.read_metrics():
            raise InputError(
                f"--workdir={self.path} has no epoch to report on (no line in "
                "metrics.jsonl)"
            )

    def check_ended(self):
        """Raises InputError unless a run is there that has ended with an encoder."""
        self.read_config()
        if not self.encoder.exists():
            raise InputError(
                f"--workdir={self.path} has no encoder.keras: its run has not ended"
            )

    def _check_same(self, config):
        old, new = (
            flatten(json.loads(self.config.read_text())),
            flatten(as_data(config)),
        )
        differing = [
            f"{key}: {json.dumps(old.get(key))} there, {json.dumps(new.get(key))} given"
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and not key.startswith(_ADJUSTABLE)
        ]
        if differing:
            raise InputError(
                f"--workdir={self.path} holds a run with another configuration "
                f"({'; '.join(differing)}): give the same one, or another folder"
            )


def _read_lines(path):
    """The data of each line of a file, whose names of files need not be UTF-8."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        return [json.loads(line) for line in lines]


def _write_lines(path, data):
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in data]
    files.write_text(path, "".join(lines))


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
