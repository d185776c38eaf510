"""Runs the trainings that have no result yet, one after the other in one process."""

import contextlib
import functools
import json
import math
import re
import time

import tensorflow as tf
from threadpoolctl import threadpool_limits

from benchmarks.note import cost, images, page, training
from benchmarks.note.rows import FULL, cells, next_job
from benchmarks.note.summary import Found
from keras_twins import files
from keras_twins.training import make_deterministic

# What `results/note/` has.
_RUNS, _COST = "runs", "cost.json"


def main(arguments, root):
    """What `python -m benchmarks.reproduce --rows=note` does.

    Args:
        arguments: `argparse.Namespace` of benchmarks/reproduce/__main__.py.
        root: path of the repository.
    """
    folder = root / "results" / "note"
    (folder / _RUNS).mkdir(parents=True, exist_ok=True)
    read_images = functools.cache(
        functools.partial(images.Images.read, arguments.data_dir or None)
    )
    if not arguments.table:
        asked = _asked(arguments)
        if arguments.rows == "note":
            with _one_thread():
                _measure_cost(folder, read_images)
                train(asked, folder / _RUNS, read_images, arguments.minutes)
        else:  # A GPU needs all processors for its views.
            train(asked, folder / _RUNS, read_images, arguments.minutes)
    page.write(found_in(folder), root / "docs" / "note.md")
    print(f"written to {root / 'docs' / 'note.md'}")


def train(asked, runs, read_images, minutes=math.inf):
    """Trains what is asked and has no result, until the time is over.

    Args:
        asked: list of `(row, seed)`.
        runs: path of the folder of results.
        read_images: function that gives `benchmarks.note.images.Images`.
        minutes: float, after which no further training begins.
    """
    ends = time.monotonic() + 60 * minutes
    while job := next_job(asked, read(runs)):
        if time.monotonic() >= ends:
            print(f"{minutes:g} minutes are over; the same command goes on")
            return
        found = training.run(job, read_images())
        files.write_text(runs / f"{job.name}.json", json.dumps(found) + "\n")
        print(
            f"{job.name}: kNN {100 * found['knn']:.2f} %, "
            f"{found['training_cpu_seconds']:.0f} core-seconds and "
            f"{found['measuring_cpu_seconds']:.0f} of measuring",
            flush=True,
        )
    print("nothing is left to train")


def found_in(folder):
    """What came out, as `benchmarks.note.summary.Found`.

    Args:
        folder: path of `results/note/`.
    """
    path = folder / _COST
    cost_of_steps = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return Found(read(folder / _RUNS), cost_of_steps)


def read(runs):
    """What came out, by the name of the training.

    Args:
        runs: path of the folder of results.
    """
    paths = sorted(runs.glob("[!.]*.json"))
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def _asked(arguments):
    """`(row, seed)` in the order of training."""
    if arguments.rows == "note":
        asked = cells(arguments.seeds)
    else:
        asked = [(row, seed) for seed in arguments.seeds for row in FULL]
    asked = [cell for cell in asked if re.search(arguments.only, cell[0].name)]
    if not asked:
        raise SystemExit(f"--only={arguments.only} matches no row")
    return asked


def _measure_cost(folder, read_images):
    """Writes what a step of each method costs, once."""
    if not (folder / _COST).exists():
        measured = cost.measure(read_images())
        files.write_text(folder / _COST, json.dumps(measured) + "\n")


@contextlib.contextmanager
def _one_thread():
    """So that seconds of the processor mean the same for every row."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    make_deterministic()
    with threadpool_limits(1):
        yield
