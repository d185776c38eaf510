"""What is read in the numbers of a run, as laws over runs that are known."""

import dataclasses
import math

import pytest

from keras_twins.losses import BarlowTwinsLoss, HSICLoss
from keras_twins.report import findings
from keras_twins.report.figures import Figures


@pytest.fixture
def healthy(metrics):
    return Figures(
        metrics=metrics(20),
        epochs=20,
        levels=BarlowTwinsLoss(1 / 128).levels(128, 256),
        batch_size=128,
        width=256,
        embedding_width=64,
        images_per_epoch=1280,
        input_rate=5000.0,
    )


def levels(figures):
    return {f.topic: f.level for f in findings.find(figures)}


def with_last(figures, **changes):
    metrics = [*figures.metrics[:-1], figures.metrics[-1] | changes]
    return dataclasses.replace(figures, metrics=metrics)


def test_a_healthy_run_has_nothing_to_try(healthy):
    found = findings.find(healthy)
    assert {f.level for f in found} == {"good"}
    assert not any(f.advice for f in found)
    topics = ["Loss", "Invariance", "Redundancy", "Collapse", "kNN", "Input"]
    assert [f.topic for f in found] == topics


def test_what_is_not_good_says_what_to_try(healthy):
    bad = with_last(
        healthy, on_diagonal=0.1, off_diagonal=0.5, participation_ratio=1.2, knn=0.2
    )
    found = findings.find(dataclasses.replace(bad, input_rate=150.0))
    # One thing to try in the training, and what would make it faster.
    assert [f.topic for f in found if f.advice] == ["Collapse", "Input"]


@pytest.mark.parametrize("width", [64, 8192])
@pytest.mark.parametrize("batch_size", [32, 4096])
@pytest.mark.parametrize("loss", [BarlowTwinsLoss(), HSICLoss()])
def test_the_size_of_the_loss_is_judged_for_its_width_and_batch(
    healthy, loss, width, batch_size
):
    figures = dataclasses.replace(healthy, levels=loss.levels(batch_size, width))
    unrelated, best = figures.levels.unrelated, figures.levels.perfect
    assert unrelated - best == pytest.approx(width)
    near = with_last(figures, loss=best + 0.2 * width)
    far = with_last(figures, loss=unrelated - 0.1 * width)
    above = with_last(figures, loss=1.1 * unrelated)
    assert [levels(f)["Loss"] for f in (near, far, above)] == [
        "good",
        "note",
        "warning",
    ]


def test_a_loss_without_levels_is_not_called_healthy_and_has_no_terms(healthy):
    """As a loss of a user's own, of which only the value is logged."""
    metrics = [
        {k: v for k, v in line.items() if not k.endswith("diagonal")}
        for line in healthy.metrics
    ]
    found = findings.find(dataclasses.replace(healthy, levels=None, metrics=metrics))
    by_topic = {finding.topic: finding for finding in found}
    assert by_topic["Loss"].level == "note"
    assert "healthy" not in by_topic["Loss"].text
    assert not {"Invariance", "Redundancy"} & by_topic.keys()


def test_a_term_is_judged_in_the_words_of_its_loss(healthy):
    term = healthy.levels.terms["on_diagonal"]
    for value in (0.1, 0.6, 0.9):
        found = findings.find(with_last(healthy, on_diagonal=value))
        (finding,) = [f for f in found if f.topic == term.title]
        assert finding.level == term.judge(value).level
        assert finding.text.startswith(term.describe(value))


@pytest.mark.parametrize("batch_size", [16, 256, 4096])
def test_redundancy_is_measured_in_units_of_chance(healthy, batch_size):
    levels_there = BarlowTwinsLoss().levels(batch_size, healthy.width)
    figures = dataclasses.replace(healthy, levels=levels_there)
    chance = 1 / math.sqrt(batch_size)
    found = [
        levels(with_last(figures, off_diagonal=times * chance))["Redundancy"]
        for times in (1.0, 2.0, 4.0)
    ]
    assert found == ["good", "note", "warning"]


def test_collapse(healthy):
    assert levels(with_last(healthy, participation_ratio=1.3))["Collapse"] == "warning"
    assert levels(with_last(healthy, embedding_std=0.001))["Collapse"] == "warning"
    assert levels(with_last(healthy, participation_ratio=12.0))["Collapse"] == "note"
    narrow = dataclasses.replace(healthy, embedding_width=8192, batch_size=4096)
    assert levels(narrow)["Collapse"] == "note"
    # A batch of 128 cannot extend over more directions, whatever the width.
    assert levels(dataclasses.replace(healthy, embedding_width=2048))["Collapse"] == (
        "good"
    )


def test_a_small_batch_has_few_directions_to_lose(healthy):
    small = dataclasses.replace(healthy, batch_size=4, embedding_width=8)
    found = [
        levels(with_last(small, participation_ratio=ratio))["Collapse"]
        for ratio in (1.2, 1.9)
    ]
    assert found[0] == "warning" != found[1]


def test_the_test_images_decide_on_collapse_where_they_were_measured(healthy):
    figures = with_last(healthy, test_effective_rank=1.1, test_embedding_std=0.8)
    assert levels(figures)["Collapse"] == "warning"


def knn_curve(healthy, values):
    metrics = [
        {k: v for k, v in line.items() if k != "knn"}
        | ({"knn": values[line["epoch"]]} if line["epoch"] in values else {})
        for line in healthy.metrics
    ]
    return dataclasses.replace(healthy, metrics=metrics)


@pytest.mark.parametrize(
    ("values", "level", "words"),
    [
        (
            {10: 0.5, 15: 0.6, 20: 0.65},
            "note",
            "still rising: 5.0 points since epoch 15",
        ),
        ({10: 0.5, 15: 0.648, 20: 0.65}, "good", "no longer rising: more epochs would"),
        (
            {10: 0.7, 15: 0.66, 20: 0.65},
            "warning",
            "5.0 points below its best of epoch 10",
        ),
        ({20: 0.65}, "note", "not measured early enough"),
        ({19: 0.60, 20: 0.65}, "note", "not measured early enough"),
        ({}, "note", "No kNN accuracy"),
    ],
)
def test_whether_knn_still_rises(healthy, values, level, words):
    (found,) = [
        f for f in findings.find(knn_curve(healthy, values)) if f.topic == "kNN"
    ]
    assert found.level == level
    assert words in found.text


@pytest.mark.parametrize(
    ("input_rate", "level"), [(200.0, "warning"), (350.0, "note"), (5000.0, "good")]
)
def test_the_input_is_the_bottleneck_where_hardly_faster(healthy, input_rate, level):
    # 1280 pairs in ten seconds, of which two were evaluation: 160 per second.
    figures = dataclasses.replace(healthy, input_rate=input_rate)
    assert levels(figures)["Input"] == level


def test_the_first_epoch_does_not_count_where_there_are_others(healthy):
    slow = [healthy.metrics[0] | {"seconds": 1e4}, *healthy.metrics[1:]]
    figures = dataclasses.replace(healthy, metrics=slow, input_rate=200.0)
    assert levels(figures)["Input"] == "warning"


def test_a_training_that_was_not_worth_it(healthy):
    def rows(trained):
        return [
            {"name": "raw pixels", "knn": 0.5},
            {"name": "trained encoder"} | trained,
        ]

    better = dataclasses.replace(healthy, evaluation=rows({"knn": 0.6}))
    worse = dataclasses.replace(healthy, evaluation=rows({"knn": 0.45}))
    assert levels(better)["Worth"] == "good"
    assert levels(worse)["Worth"] == "warning"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_all_there_is_to_say(healthy, value):
    metrics = [*healthy.metrics[:6], healthy.metrics[6] | {"loss": value}]
    (found,) = findings.find(dataclasses.replace(healthy, metrics=metrics))
    assert found.level == "warning" and "epoch 7" in found.text


def test_a_run_that_has_not_ended_says_so(healthy):
    assert levels(dataclasses.replace(healthy, epochs=21))["Unfinished"] == "note"


def test_an_accuracy_that_was_not_measured_has_its_reason(healthy):
    figures = dataclasses.replace(knn_curve(healthy, {}), no_knn="labels are texts")
    (found,) = [f for f in findings.find(figures) if f.topic == "kNN"]
    assert found.text.endswith("while training: labels are texts.")
    row = {"name": "trained encoder", "knn": None, "reasons": {"knn": "one class"}}
    figures = dataclasses.replace(healthy, evaluation=[row])
    (found,) = [f for f in findings.find(figures) if f.topic == "Worth"]
    assert found.level == "note" and found.text.endswith("encoder: one class.")


def test_the_best_other_row_is_what_an_encoder_is_worth_more_than(healthy):
    rows = [
        {"name": "most frequent class", "knn": 0.62},
        {"name": "raw pixels", "knn": 0.5},
        {"name": "untrained encoder", "knn": None},
        {"name": "trained encoder", "knn": 0.6},
    ]
    figures = dataclasses.replace(healthy, evaluation=rows)
    (found,) = [f for f in findings.find(figures) if f.topic == "Worth"]
    assert found.level == "warning" and "most frequent class 62.0 %" in found.text


def test_one_epoch_without_anything_but_the_loss():
    figures = Figures(
        metrics=[{"epoch": 1, "seconds": 1.0, "loss": 10.0}],
        epochs=1,
        levels=BarlowTwinsLoss().levels(32, 16),
        batch_size=32,
        width=16,
    )
    assert set(levels(figures)) == {"Loss", "kNN"}
