"""Means over seeds of what came out, and what follows from them."""

import collections

import numpy as np
from scipy import stats

from benchmarks.note.methods import METHODS
from benchmarks.note.rows import MAIN, SEEDS, SIDE_BY_SIDE
from keras_twins.evaluation import interval

# What dependence is measured in, and by what.
SPACES = ("embeddings", "projections")
DEPENDENCES = ("linear_hsic", "linear_alignment", "kernel_hsic", "kernel_alignment")


class Found:
    """What came out, by row.

    Args:
        results: dict, from the name of a job to what came out.
        cost: dict that `benchmarks.note.cost.measure` gave; empty where it did not run.
    """

    def __init__(self, results, cost):
        self.results = results
        self.cost = cost
        self._rows = collections.defaultdict(list)
        for found in sorted(results.values(), key=lambda f: f["job"]["seed"]):
            self._rows[found["job"]["row"]].append(found)

    def of(self, row):
        """The results of a row, one per seed."""
        return self._rows.get(row, [])

    def values(self, row, *path):
        """A number of each seed's result, such as `"history", -1, "knn"`."""
        return [_reach(found, path) for found in self.of(row)]

    def mean(self, row, *path):
        """`(mean, interval)` over the seeds; None where nothing was run."""
        values = self.values(row, *path)
        if not values:
            return None
        return float(np.mean(values)), interval(values)

    def difference(self, row, other, *path):
        """`(mean, interval)` of what a row has more than another, seed by seed."""
        pairs = {found["job"]["seed"]: found for found in self.of(other)}
        values = [
            _reach(found, path) - _reach(pairs[found["job"]["seed"]], path)
            for found in self.of(row)
            if found["job"]["seed"] in pairs
        ]
        return (float(np.mean(values)), interval(values)) if values else None

    def course(self, row, *path):
        """`[(epoch, mean, interval)]` of a number that is measured while training."""
        runs = self.of(row)
        if not runs:
            return []
        places = range(len(runs[0]["history"]))
        return [
            (
                runs[0]["history"][place]["epoch"],
                *self.mean(row, "history", place, *path),
            )
            for place in places
        ]

    def rises_together(self, row, space, name):
        """Rank correlation of a dependence and kNN accuracy over a training.

        Returns:
            `(mean, interval)` over the seeds of Spearman's ρ, or None.
        """
        values = [
            _spearman(
                [point[space][name] for point in found["history"]],
                [point["knn"] for point in found["history"]],
            )
            for found in self.of(row)
        ]
        return (float(np.mean(values)), interval(values)) if values else None

    def across(self, space, name):
        """Spearman's ρ of a dependence and kNN accuracy at the end, over the methods.

        Returns:
            `(ρ, number of methods)`, or None below three.
        """
        rows = [row for row in SIDE_BY_SIDE if self.of(row)]
        if len(rows) < 3:
            return None
        dependence = [self.mean(row, "history", -1, space, name)[0] for row in rows]
        accuracy = [self.mean(row, "history", -1, "knn")[0] for row in rows]
        return _spearman(dependence, accuracy), len(rows)


def rates(results):
    """Tried rates and their accuracies of held-out images, by method.

    Returns:
        dict, from the name of a method to a sorted list of `(rate, accuracy)`.
    """
    found = collections.defaultdict(list)
    for name, result in results.items():
        if name.startswith("search-"):
            job = result["job"]
            found[job["method"]].append((job["rate"], result["knn"]))
    return {method: sorted(found[method]) for method in METHODS if found[method]}


def missing(results):
    """How many trainings of the comparison over batches, targets and methods remain."""
    asked = {f"{row.name}-seed{seed}" for row in MAIN for seed in SEEDS}
    return len(asked - set(results)), len(asked)


def _reach(found, path):
    for key in path:
        found = found[key]
    return found


def _spearman(x, y):
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0  # What never changes rises with nothing.
    return float(stats.spearmanr(x, y).statistic)
