"""The pool of Ray workers: every file once, whoever dies, and only the guilty blamed.

Ray is played by a few lines here, so that workers die where the test wants them to;
`ray_workers_test.py` has the real one.
"""

import types

import numpy as np
import pytest

from keras_twins.collection.bulk import Part
from keras_twins.collection.images import File
from keras_twins.errors import InputError
from keras_twins.serving import ray_workers
from keras_twins.serving.ray_workers import _Pool, _shares, _versions


class RayError(Exception):
    pass


class Worker:
    """What Ray gives for a process."""


class Ray:
    """Answers one request after the other; a worker dies as the test says."""

    exceptions = types.SimpleNamespace(RayError=RayError)

    def __init__(self, dies, versions=None, most_starts=10**6):
        self._dies = dies
        self._versions = versions or _versions()
        self._most_starts = most_starts
        self._answers = {}
        self.started = 0

    def start_worker(self):
        self.started += 1
        worker = Worker()
        worker.alive = self.started <= self._most_starts
        worker.start = self._method(worker, lambda: (self._versions, "node-7"))
        worker.embed = self._method(worker, self._embed)
        return worker

    def wait(self, references, timeout):
        return [next(r for r in references if r in self._answers)], []

    def get(self, reference):
        worker, function, arguments = self._answers.pop(reference)
        if worker.alive and arguments and self._dies(arguments[0]):
            worker.alive = False
        if not worker.alive:
            raise RayError("The actor died")
        return function(*arguments)

    def _method(self, worker, function):
        def remote(*arguments):
            reference = object()
            self._answers[reference] = worker, function, arguments
            return reference

        return types.SimpleNamespace(remote=remote)

    def _embed(self, files):
        return Part(np.zeros((len(files), 2), np.float32), files, [], None)


def run(ray, files, workers=2, rows=8):
    groups = (files[start : start + rows] for start in range(0, len(files), rows))
    done = []
    pool = _Pool(ray, None, ray.start_worker, workers)
    parts = list(pool.embed(groups, False, done.append))
    assert sum(done) == len(files)
    embedded = [file for part in parts for file in part.files]
    left_out = [path for part in parts for path, _ in part.left_out]
    return embedded, left_out


FILES = [File(f"{n:02}.png", n, n) for n in range(50)]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("seed", range(10))
def test_each_file_once_whichever_workers_die(seed, workers):
    rng = np.random.default_rng(seed)
    ray = Ray(lambda files: rng.random() < 0.3)
    embedded, left_out = run(ray, FILES, workers)
    # Chance alone ends three workers over one file in a thousand.
    assert sorted(embedded + [f for f in FILES if f.path in left_out]) == FILES
    assert len(left_out) <= 1


@pytest.mark.parametrize("poison", [{3}, {0, 1}, {7, 8, 49}, set(range(16, 24))])
def test_files_that_end_workers_are_left_out_and_no_other_is(poison):
    ray = Ray(lambda files: any(file.size in poison for file in files))
    embedded, left_out = run(ray, FILES)
    assert sorted(left_out) == sorted(f"{n:02}.png" for n in poison)
    assert sorted(embedded) == [file for file in FILES if file.size not in poison]


def test_nothing_to_embed_is_no_part():
    assert run(Ray(lambda files: False), []) == ([], [])


def test_workers_that_all_die_are_one_line():
    with pytest.raises(InputError, match="ended one after the other: The actor died"):
        run(Ray(lambda files: True, most_starts=0), FILES)


@pytest.mark.parametrize("name", ["Python", "keras-twins", "tensorflow"])
def test_a_machine_with_other_versions_is_named(name):
    ray = Ray(lambda files: False, versions=_versions() | {name: "1.0"})
    with pytest.raises(InputError, match=f"machine node-7 has {name} 1.0, and this"):
        run(ray, FILES)


def test_a_strict_run_ends_at_the_first_file_that_cannot_be_read():
    ray = Ray(lambda files: files[0].size == 0)
    pool = _Pool(ray, None, ray.start_worker, 1)
    with pytest.raises(InputError, match="00.png: it ended every process"):
        list(pool.embed(iter([FILES[:1]]), True, lambda count: None))


def nodes(*resources):
    return [{"Alive": True, "Resources": given} for given in resources]


def test_workers_share_machines():
    assert _shares(nodes({"CPU": 2.0})) == ({"num_cpus": 2}, 1)
    assert _shares(nodes({"CPU": 9.0}, {"CPU": 4.0}, {})) == ({"num_cpus": 4}, 3)
    gpus = nodes({"CPU": 8.0, "GPU": 2.0}, {"CPU": 64.0})
    assert _shares(gpus) == ({"num_cpus": 1, "num_gpus": 1}, 2)
    dead = [{"Alive": False, "Resources": {"CPU": 8.0}}]
    assert _shares(dead + nodes({"CPU": 1.0})) == ({"num_cpus": 1}, 1)
    with pytest.raises(InputError, match="has a processor core to give"):
        _shares(nodes({}))


def test_without_ray_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match=r"install keras-twins\[ray\]"):
        with ray_workers.open_workers("local", tmp_path, None, 1):
            pass
