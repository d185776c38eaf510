"""An exported model on the machines of a Ray cluster, which embed together.

Each worker is a process that holds the model. It is sent lists of files and sends their
embeddings back, so that this process alone writes. Nothing is lost where a worker or
its machine dies: its files go to another one.
"""

import collections
import contextlib
import functools
import importlib.metadata
import io
import logging
import os
import pathlib
import platform
import socket
import tarfile
import tempfile
import urllib.parse
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from keras_twins.collection import bulk
from keras_twins.collection.bulk import Embed, Part
from keras_twins.collection.images import File
from keras_twins.errors import InputError

_CPUS_OF_A_WORKER = 4
# One is embedded while the next one is on its way.
_JOBS_OF_A_WORKER = 2
# How many workers one file may end, and how many may end before one embeds anything.
_DEATHS_OF_A_FILE = 2
_DEATHS_IN_A_ROW = 20
_SECONDS_FOR_A_WORKER = 300
_PACKAGES = ("keras-twins", "tensorflow", "ray")
_ENDED = "it ended every process that tried to read it"


@contextlib.contextmanager
def open_workers(
    address: str, version_dir: str | os.PathLike[str], model: Any, batch_size: int
) -> Iterator[Embed]:
    """An `Embed` that shares files out among the workers of a Ray cluster.

    Args:
        address: str. `local` for a cluster of this machine that ends with the scope,
            `auto` for the one that runs here, or `ray://host:10001`.
        version_dir: path of one version of an exported model. It is sent to the
            workers, which need no file system in common.
        model: `keras_twins.serving.transports.Model`, which it holds.
        batch_size: int. Images in a batch.

    Raises:
        InputError: if Ray is not installed, no cluster answers, or one of its machines
            has other versions of Python or of the packages.
    """
    ray = _start(address)
    try:
        share, workers = _shares(ray.nodes())
        archive = ray.put(_packed(version_dir))
        remote = ray.remote(**share)(_Worker).remote
        start = functools.partial(remote, archive, batch_size, share["num_cpus"])
        yield _Pool(ray, model, start, workers).embed
    finally:
        ray.shutdown()


def _start(address):
    # Ray counts who uses it, and asks the metadata server of a cloud, unless told.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # An extra.
    except ImportError as error:
        raise InputError(
            "--ray needs the package ray; install keras-twins[ray]"
        ) from error
    _check_somebody_listens(address)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        settings |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What they say, the error says too.
            ray.init(address=address, **settings)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"--ray={address}: {reason}") from error
    return ray


def _check_somebody_listens(address):
    """Refuses an address of nobody at once; Ray itself tries for a minute."""
    if not address.startswith("ray://"):
        return
    parts = urllib.parse.urlsplit(address)
    try:
        socket.create_connection((parts.hostname, parts.port or 10001), 10).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"--ray={address}: {getattr(error, 'strerror', None) or error}"
        ) from error


def _shares(nodes):
    """A worker's share of a machine, as Ray takes it, and how many of them there are.

    A worker has a GPU where there are any; else some cores, as many as the smallest
    machine has.
    """
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = int(sum(machine.get("GPU", 0) for machine in machines))
    if gpus:
        return {"num_cpus": 1, "num_gpus": 1}, gpus
    cores = [int(machine["CPU"]) for machine in machines if machine.get("CPU", 0) >= 1]
    if not cores:
        raise InputError("no machine of the Ray cluster has a processor core to give")
    share = min(_CPUS_OF_A_WORKER, *cores)
    return {"num_cpus": share}, sum(count // share for count in cores)


def _packed(version_dir):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(version_dir, arcname=".")
    return packed.getvalue()


def _versions():
    """Versions that must agree between machines."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


class _Worker:
    """Runs on a machine of the cluster."""

    def __init__(self, archive, batch_size, cpus):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # Ray is an extra, and TensorFlow belongs to the worker alone.
        import ray
        import tensorflow as tf

        from keras_twins.serving.local import ExportedModel  # After TensorFlow.

        tf.config.threading.set_intra_op_parallelism_threads(int(cpus))
        self._folder = tempfile.TemporaryDirectory()
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(self._folder.name, filter="data")
        self._model = ExportedModel(
            pathlib.Path(self._folder.name), batch_size, int(cpus) + 1
        )
        self._node = ray.get_runtime_context().get_node_id()

    def start(self):
        """The versions that it has, and the name of its machine."""
        return _versions(), platform.node()

    def embed(self, files):
        return bulk.embed_part(self._model, files)._replace(node=self._node)


class _Job(NamedTuple):
    """Files that a worker embeds, and how many workers ended while they had them."""

    files: list[File]
    deaths: int = 0


class _Pool:
    """Workers, and what each of them is busy with.

    Args:
        ray: the package.
        model: `Model` of the workers.
        start_worker: function that starts a `_Worker`.
        workers: int, how many there are.
    """

    def __init__(self, ray, model, start_worker, workers):
        self._ray = ray
        self._model = model
        self._start_worker = start_worker
        self._workers = workers
        self._starting, self._busy = {}, {}  # from Ray's references
        self._free: collections.Counter[Any] = collections.Counter()  # places
        self._again: list[_Job] = []
        self._deaths_in_a_row = 0

    def embed(self, files, strict, done):
        """See `keras_twins.collection.bulk.Embed`."""
        jobs = map(_Job, files)
        for _ in range(self._workers):
            self._add_worker()
        while self._hand_out(jobs):
            for part in self._answers():
                if strict and part.left_out:
                    raise InputError("{}: {}".format(*part.left_out[0]))
                done(len(part.files) + len(part.left_out))
                yield part

    def _add_worker(self):
        worker = self._start_worker()
        self._starting[worker.start.remote()] = worker

    def _hand_out(self, jobs):
        """Gives jobs to free workers; returns whether anything is left to wait for."""
        for worker in list(self._free):
            while self._again and self._free[worker] == _JOBS_OF_A_WORKER:
                # Nothing else may be blamed if these files end this worker too.
                self._submit(worker, self._again.pop(), places=_JOBS_OF_A_WORKER)
            while not self._again and self._free[worker]:
                job = next(jobs, None)
                if job is None:
                    return bool(self._busy)
                self._submit(worker, job, places=1)
        return True

    def _submit(self, worker, job, places):
        self._free[worker] -= places
        self._busy[worker.embed.remote(job.files)] = worker, job, places

    def _answers(self):
        """Waits for workers; gives the parts that have come."""
        waiting = [*self._busy, *self._starting]
        patience = None if self._busy else _SECONDS_FOR_A_WORKER
        ready, _ = self._ray.wait(waiting, timeout=patience)
        if not ready:
            raise InputError(
                f"no machine of the Ray cluster had room for a worker in {patience} "
                "seconds; the same command goes on from what is done"
            )
        for reference in ready:
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                yield from self._mourn(reference, error)
                continue
            if reference in self._starting:
                worker = self._starting.pop(reference)
                _check_versions(*answer)
                self._free[worker] = _JOBS_OF_A_WORKER
                continue
            worker, _, places = self._busy.pop(reference)
            if worker in self._free:
                self._free[worker] += places
            self._deaths_in_a_row = 0
            yield answer

    def _mourn(self, reference, error):
        """Takes note of a worker that ended; gives a part where a file is to blame."""
        if reference in self._starting:
            del self._starting[reference]
            if "creation task" in str(error):
                raise InputError(f"a Ray worker cannot start: {_last_line(error)}")
            self._replace_worker(error)
            return
        worker, job, _ = self._busy.pop(reference)
        if worker in self._free:
            del self._free[worker]
            self._replace_worker(error)
        if job.deaths == 0:
            self._again.append(_Job(job.files, 1))
        elif len(job.files) > 1:
            middle = len(job.files) // 2
            self._again.append(_Job(job.files[:middle], 1))
            self._again.append(_Job(job.files[middle:], 1))
        elif job.deaths < _DEATHS_OF_A_FILE:
            self._again.append(_Job(job.files, job.deaths + 1))
        else:
            self._deaths_in_a_row = 0
            nothing = np.zeros((0, 0), np.float32)
            yield Part(nothing, [], [(job.files[0].path, _ENDED)], self._model)

    def _replace_worker(self, error):
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > _DEATHS_IN_A_ROW:
            raise InputError(
                f"{self._deaths_in_a_row} Ray workers ended one after the other: "
                f"{_last_line(error)}"
            )
        self._add_worker()


def _check_versions(versions, machine):
    for name, here in _versions().items():
        if versions[name] != here:
            raise InputError(
                f"the Ray machine {machine} has {name} {versions[name]}, and this one "
                f"has {here}; install the same version"
            )


def _last_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
