"""The folder of a run: what is where, and that one run owns it."""

import contextlib
import fcntl
import json
import math
import pathlib
import shutil

from ml_collections import ConfigDict

from keras_twins import files
from keras_twins.errors import InputError
from keras_twins.runs import adjustable

# The networks that a run leaves: the one that gradients train, and its slow copy.
STUDENT, TEACHER = "student", "teacher"


class Workdir:
    """The files of one run.

    Args:
        path: str or path. Made by `claim`, not before.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._lock = None
        self.config = self.path / "config.json"
        self.plan = self.path / "plan.json"
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
        self.embeddings = self.path / "embeddings.parquet"
        self.embeddings_made_of = self.path / "embeddings.json"
        self.encoder = self.path / "encoder.keras"
        self.model = self.path / "model.keras"

    def claim(self, config, write=True):
        """Writes `config.json`, or checks that the one that is here says the same.

        Keys that change nothing in the weights may differ. A run that has trained
        nothing yet gives way to another configuration.

        Args:
            config: `ConfigDict`.
            write: bool. Whether this process is the one that writes the folder; the
                others only check it. It holds a lock until it ends.

        Raises:
            InputError: if the folder belongs to a run with another configuration, or
                holds other things, or another process writes it.
        """
        self._check_same(config)
        if not write:
            return
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--workdir={self.path} is a file")
        if self.path.is_dir() and not self.config.exists():
            # What a process left that ended before it trained anything is nothing.
            if any(
                not entry.name.startswith(".") and entry != self.bad_images
                for entry in self.path.iterdir()
            ):
                raise InputError(
                    f"--workdir={self.path} is not empty and holds no run "
                    "(no config.json)"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock_it()
        self._check_same(config)  # Another may have claimed it since.
        if self.config.exists():
            if json.loads(self.config.read_text()) == as_data(config):
                return
            self._give_way(config)
        files.write_json(self.config, as_data(config))

    def begun(self):
        """Whether a run is here that has trained: a checkpoint, metrics or encoder."""
        return (
            any(self.checkpoints.glob("*.npz"))
            or (self.metrics.exists() and self.metrics.stat().st_size > 0)
            or self.encoder.exists()
        )

    def release(self):
        """Gives the lock of `claim` back, where this process holds it.

        A run that has trained nothing leaves no claim behind, only the list of images
        that cannot be read. Where it has looked at all images, it leaves that too, for
        the same command; another configuration takes the folder nevertheless.
        """
        if self._lock is None:
            return
        with contextlib.suppress(OSError):  # A full disk has been told by now.
            if not self.begun() and not self.images.exists():
                self._clear(keep=self.bad_images)
        self._lock.close()
        self._lock = None

    def _give_way(self, config):
        """Makes room for another configuration, where nothing has been trained."""
        differing = self._differences(config)
        if differing:
            print(
                f"--workdir={self.path}: its run with another configuration "
                f"({'; '.join(differing.values())}) had trained nothing, and gives way"
            )
            self._clear()

    def _clear(self, keep=None):
        """Removes what a run has written; the claim last."""
        paths = [
            *(self.plan, self.provenance, self.metrics, self.measures),
            *(self.images, self.bad_images, self.converted_images),
            *(self.snapshots, self.checkpoints, self.tensorboard, self.config),
        ]
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            elif path != keep:
                path.unlink(missing_ok=True)

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

    def read_plan(self):
        """What was decided for the run, a dict of values by key."""
        return json.loads(self.plan.read_text()) if self.plan.exists() else {}

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

    def check_network(self, network):
        """Raises InputError where the teacher is asked for of a run without one.

        Args:
            network: `STUDENT` or `TEACHER`.
        """
        model = self.read_config().get("model") or {}
        if network == TEACHER and model.get("momentum") is None:
            raise InputError(
                f"--network={network}: the run of --workdir={self.path} has no teacher "
                f"(--config.model.momentum is None); use --network={STUDENT}"
            )

    def _check_same(self, config):
        if not self.config.exists() or not self.begun():
            return
        differing = self._differences(config)
        if not differing:
            return
        remedy = "give the same one, or another folder"
        if "epochs" in differing or "minutes" in differing:
            remedy = (
                "the learning rate falls over the epochs of a run, so that with other "
                "epochs it is another run; train on from its weights with "
                f"--config.init_from={self.path} and another --workdir"
            )
        raise InputError(
            f"--workdir={self.path} holds a run with another configuration "
            f"({'; '.join(differing.values())}): {remedy}"
        )

    def _differences(self, config):
        old = json.loads(self.config.read_text())
        return adjustable.differences(flatten(old), flatten(as_data(config)))


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
    return json.loads(json.dumps(config.to_dict(), default=dict))


def flatten(data, prefix=""):
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    flat = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
