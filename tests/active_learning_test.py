"""The loop that labels a pool: what it asks for, and the tables of what came out."""

import json
import pathlib

import numpy as np
import pytest

from benchmarks.active_learning import __main__ as command
from benchmarks.active_learning import table
from benchmarks.active_learning.settings import SETTINGS

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results" / "active_learning"


class Sure:
    """Learners that are sure of all images but those that a test names."""

    def __init__(self, truth, doubtful):
        self.setting = SETTINGS["digits"]
        self.truth, self.doubtful = truth, doubtful
        self.given = []

    def features(self, learner):
        return np.eye(len(self.truth))

    def learn(self, learner, labels):
        self.given.append(labels.copy())
        shares = np.zeros((len(labels), 10))
        shares[np.arange(len(labels)), self.truth] = 1.0
        shares[self.doubtful] = 0.1
        return shares, np.eye(10)


@pytest.mark.parametrize("query", ["random", "chosen"])
def test_a_loop_labels_up_to_each_budget_and_never_an_image_twice(query):
    truth = np.random.default_rng(0).integers(0, 10, 150)
    learners = Sure(truth, doubtful=slice(0))
    accuracies = command._loop(learners, "probe", query, 0, truth, np.arange(10))
    counts = [int(np.sum(labels >= 0)) for labels in learners.given]
    assert counts == list(SETTINGS["digits"].budgets)
    for labels in learners.given:
        known = labels >= 0
        np.testing.assert_array_equal(labels[known], truth[known])
    for before, after in zip(learners.given, learners.given[1:], strict=False):
        assert np.all(after[before >= 0] >= 0)
    assert accuracies == [1.0] * len(counts)


def test_after_the_first_labels_a_loop_asks_for_what_is_closest():
    truth = np.random.default_rng(0).integers(0, 10, 150)
    doubtful = np.arange(120, 135)
    learners = Sure(truth, doubtful)
    command._loop(learners, "probe", "chosen", 0, truth, np.arange(10))
    assert np.all(learners.given[1][doubtful] >= 0)


def test_medoids_are_images_of_different_regions():
    rng = np.random.default_rng(0)
    regions = np.repeat(np.eye(4), 25, axis=0) + 0.01 * rng.normal(size=(100, 4))
    places = command._medoids(regions, 4, seed=0)
    assert sorted(place // 25 for place in places) == [0, 1, 2, 3]


def test_a_table_has_the_mean_of_seeds_and_differences_of_the_same_seeds(tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    for seed, first in enumerate((0.5, 0.7)):
        for query, gain in (("random", 0.0), ("chosen", 0.1)):
            loop = {"learner": "joint", "query": query, "seed": seed}
            loop["accuracies"] = [first + gain, 0.8, 0.9]
            (folder / f"{query}{seed}.json").write_text(json.dumps(loop))
    written = table.tables(tmp_path, "digits")
    # 12.7062 · 14.14 / √2 = 127.1 around 60
    assert "| `JointTwins` | random | 60.0 ± 127.1 | 80.0 ± 0.0 |" in written
    assert "| `JointTwins`: chosen − random | +10.0 ± 0.0 | +0.0 ± 0.0 |" in written
    assert "| linear probe on the frozen encoder | random | – | – | – |" in written


def test_the_tables_are_those_of_their_files():
    text = (RESULTS / "table.md").read_text("utf-8")
    for name in SETTINGS:
        assert table.tables(RESULTS, name) in text


def test_each_file_is_of_the_setting_that_the_table_names():
    for path in RESULTS.glob("*/*.json"):
        loop = json.loads(path.read_text("utf-8"))
        name = path.parent.name
        weight = {"classification_weight": command._chosen_weight(name)}
        assert loop["setting"] == command._asked(SETTINGS[name]) | weight
        assert len(loop["accuracies"]) == len(SETTINGS[name].budgets)
