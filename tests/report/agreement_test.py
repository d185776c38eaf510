"""What the findings of a run say together, over combinations of their verdicts."""

import dataclasses
import itertools

import pytest

from keras_twins.losses import BarlowTwinsLoss
from keras_twins.report import findings
from keras_twins.report.figures import Figures

LEVELS = BarlowTwinsLoss(1 / 128).levels(128, 256)
CURVES = {
    "rising": {10: 0.5, 15: 0.6, 20: 0.65},
    "flat": {10: 0.5, 15: 0.648, 20: 0.65},
    "falling": {10: 0.7, 15: 0.66, 20: 0.65},
    "late": {20: 0.65},
    "none": {},
}
LAST = {
    "loss": (LEVELS.perfect * 1.1, LEVELS.unrelated * 0.9, LEVELS.unrelated * 1.1),
    "on_diagonal": (0.95, 0.6, 0.1),
    "off_diagonal": (0.09, 0.18, 0.5),
    "participation_ratio": (30.0, 12.0, 1.2),
}
WORTH = (None, 0.9, 0.1)
COMBINATIONS = list(
    itertools.product(CURVES, itertools.product(*LAST.values()), WORTH, (20, 30))
)

LONGER = ("train longer", "train for more epochs", "more epochs usually")
NO_LONGER = ("fewer epochs", "long enough", "more epochs would change little")


@pytest.fixture(scope="module")
def readings():
    """The findings of each combination."""
    return [(case, findings.find(_figures(*case))) for case in COMBINATIONS]


def _figures(curve, last, worth, epochs):
    lines = [
        {"epoch": e, "seconds": 10.0, "loss": 100.0, "participation_ratio": 25.0}
        | ({"knn": CURVES[curve][e]} if e in CURVES[curve] else {})
        for e in range(1, 21)
    ]
    lines[-1] |= dict(zip(LAST, last, strict=True))
    rows = [{"name": "raw pixels", "knn": 0.5}]
    rows += [{"name": "trained encoder", "knn": worth}] if worth else []
    return Figures(
        metrics=lines,
        epochs=epochs,
        levels=LEVELS,
        batch_size=128,
        width=256,
        embedding_width=64,
        images_per_epoch=1280,
        input_rate=150.0,
        evaluation=rows,
    )


def text(found):
    return " ".join(f"{f.text} {f.advice}" for f in found).lower()


def said(found, phrases):
    return any(phrase in text(found) for phrase in phrases)


def test_one_thing_at_most_is_to_be_tried_in_the_training(readings):
    for case, found in readings:
        advised = [f for f in found if f.advice and f.topic != "Input"]
        assert len(advised) <= 1, case
        # Wherever something is wrong there is something to try.
        if any(f.level == "warning" and f.topic != "Input" for f in found):
            assert advised, case


def test_no_reading_asks_for_more_epochs_and_for_no_more(readings):
    seen = set()
    for case, found in readings:
        both = said(found, LONGER), said(found, NO_LONGER)
        assert both != (True, True), (case, text(found))
        seen.add(both)
    assert seen == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("raise the learning rate", "lower the learning rate"),
        ("raise the learning rate", "a lower learning rate"),
        ("views milder", "stronger views"),
        ("goes on from here", "a new run"),
        ("goes on from here", "no longer rising"),
        ("have collapsed", "nothing has collapsed"),
    ],
)
def test_no_reading_says_one_thing_and_its_opposite(readings, one, other):
    assert any(one in text(found) for _, found in readings)
    assert any(other in text(found) for _, found in readings)
    for case, found in readings:
        assert not (one in text(found) and other in text(found)), case


def test_nothing_is_good_while_every_image_looks_the_same(readings):
    for case, found in readings:
        if "have collapsed" in text(found):
            assert {f.level for f in found if f.topic != "Input"} <= {"note", "warning"}
            assert [f.topic for f in found if f.advice] == ["Collapse", "Input"], case


def test_what_comes_first_leads(readings):
    """A collapse, a fall, the run's end, a rise; then what is wrong of the rest."""
    for (curve, last, worth, epochs), found in readings:
        if last[3] == 1.2:
            continue
        leading = next((f.topic for f in found if f.advice), None)
        if curve == "falling":
            assert leading == "kNN"
        elif epochs == 30:
            assert leading == "Unfinished"
        elif curve == "rising":
            assert leading == "kNN"
        elif curve == "flat" and worth == 0.1:
            assert leading == "Worth"


def test_a_run_that_is_good_in_everything_has_nothing_to_try():
    good = _figures("flat", [values[0] for values in LAST.values()], 0.9, 20)
    found = findings.find(dataclasses.replace(good, input_rate=5000.0))
    assert {f.level for f in found} == {"good"} and not any(f.advice for f in found)
