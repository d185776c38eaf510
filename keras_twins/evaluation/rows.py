"""What one encoder is worth: its accuracies, and why one of them is missing."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

# The row that needs no encoder.
MOST_FREQUENT = "most frequent class"

# Where there are more classes, a place among the best five counts, too.
TOP = 5
_PROBES = ("linear_probe", "few_label_probe")

# How many labels are chosen for the probe that sees chosen ones.
CHOSEN = 40

_Value = TypeVar("_Value")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How all rows of a table are measured.

    Attributes:
        k: int, how many neighbours vote.
        few: int, how many labels of each class the probe with few labels sees.
        percentages: of the labels, as text, that encoders are fine-tuned with.
        notes: sentences on what differs from what was asked for.
    """

    k: int
    few: int
    percentages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Row:
    """How well one encoder's features tell the classes apart.

    Attributes:
        name: str, of the encoder.
        knn: float in 0..1, accuracy of the weighted nearest neighbours. This and the
            other accuracies are None where they could not be measured.
        linear_probe: float in 0..1, accuracy of a linear probe.
        few_label_probe: float in 0..1, accuracy of a linear probe that saw `few`
            labels of each class, the mean of five draws.
        k: int, how many neighbours voted.
        few: int, how many labels of each class the last probe saw.
        knn_top5: float in 0..1, how often the class is among the five with most votes;
            None for five classes or fewer.
        few_label_interval: float, half the width of the 95 % interval of
            `few_label_probe` over its draws; None where it was not measured.
        chosen_probe: float in 0..1, accuracy of the linear head that saw `CHOSEN`
            labels, which `keras_twins.collection.select` chose; the mean of five
            draws. None where there are no more training images than that.
        chosen_interval: float, half the width of its 95 % interval.
        fine_tuned: dict from a percentage of the labels, such as "10", to a dict of
            `accuracy` and `interval`, the same of fine-tuned encoders. A percentage
            that could not be measured is not in it.
        knn_deviation: float, the standard deviation of `knn` over folds, of which it
            is the mean; None where there are none.
        linear_probe_deviation: float, the same of `linear_probe`.
        reasons: dict from the name of a field, or of a fine-tuned percentage,
            "fine_tuned.10", to the reason why it was not measured.
        notes: sentences on how the whole table was measured: fewer neighbours than
            asked for, images that were left out.
    """

    name: str
    knn: float | None
    linear_probe: float | None
    few_label_probe: float | None
    k: int
    few: int
    knn_top5: float | None = None
    few_label_interval: float | None = None
    chosen_probe: float | None = None
    chosen_interval: float | None = None
    fine_tuned: dict[str, Any] = dataclasses.field(default_factory=dict)
    knn_deviation: float | None = None
    linear_probe_deviation: float | None = None
    reasons: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


def unmeasured(name: str, reason: str, settings: Settings) -> Row:
    """A row of which nothing could be measured.

    Args:
        name: str, of the encoder.
        reason: str, why.
        settings: `Settings` of the table.
    """
    tuned = [f"fine_tuned.{percentage}" for percentage in settings.percentages]
    return Row(
        name,
        *(None, None, None),
        k=settings.k,
        few=settings.few,
        reasons=dict.fromkeys(("knn", *_PROBES, *tuned), reason),
        notes=settings.notes,
    )


def most_frequent(train_y: np.ndarray, test_y: np.ndarray, settings: Settings) -> Row:
    """The row of always answering the training set's most frequent class.

    It is what the other accuracies are read against: where nine images in ten are of
    one class, 90 % is nothing.

    Args:
        train_y: `(N,)` array of labels, N of 1 or more.
        test_y: `(M,)` array of labels.
        settings: `Settings` of the table.
    """
    if not len(test_y):
        return unmeasured(MOST_FREQUENT, "there are no test images", settings)
    classes, counts = np.unique(train_y, return_counts=True)
    order = classes[np.argsort(-counts, kind="stable")]
    share = float(np.mean(test_y == order[0]))
    top = float(np.mean(np.isin(test_y, order[:TOP])))
    return Row(
        MOST_FREQUENT,
        *(share, share, share),
        k=settings.k,
        few=settings.few,
        knn_top5=top if len(classes) > TOP else None,
        chosen_probe=share if len(train_y) > CHOSEN else None,
        fine_tuned={
            percentage: {"accuracy": share, "interval": None}
            for percentage in settings.percentages
        },
        notes=settings.notes,
    )


def measured(
    reasons: dict[str, str], field: str, measure: Callable[[], _Value]
) -> _Value | None:
    """What a measure gives, or None and its reason.

    Args:
        reasons: dict, to which the reason is added.
        field: str, of what was measured, the key of the reason.
        measure: function without arguments.
    """
    try:
        return measure()
    except Exception as error:  # Whatever it meets, it takes its own cell alone.
        reasons[field] = in_short(error)
        return None


def in_short(error: Exception) -> str:
    """An error in one line: of a text in three parts, what was found and received."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    found, expected, rest = text.partition(" Expected ")
    received = rest.partition(" Received: ")[2]
    if not expected or not received:
        return text
    return f"{found.rstrip('.')}: {received}"


def footnotes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The reasons and notes below a table, each once.

    Args:
        rows: list of dict with the fields of `Row`, as `evaluation.json` holds them.

    Returns:
        list of str, a sentence each; empty where there is nothing to say.
    """
    names_of: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for row in rows:
        titles: dict[str, list[str]] = {}
        for field, reason in row.get("reasons", {}).items():
            titles.setdefault(reason, []).append(_title(field))
        for reason, found in titles.items():
            names = names_of.setdefault(reason, {})
            names.setdefault(tuple(dict.fromkeys(found)), []).append(row["name"])
    encoders = [row["name"] for row in rows if row["name"] != MOST_FREQUENT]
    lines = []
    for reason, cells in names_of.items():
        for found, names in cells.items():
            all_rows = set(names) >= set(encoders)
            of = "" if all_rows else f" of {', '.join(names)}"
            end = "" if reason.endswith(("?", ".")) else "."
            line = f"{', '.join(found)}{of}: {reason}{end}"
            lines.append(line if line.startswith("kNN") else line[0].upper() + line[1:])
    notes = (note for row in rows for note in row.get("notes", ()))
    return list(dict.fromkeys([*lines, *notes]))


def _title(field):
    kind, _, percentage = field.partition(".")
    share = f", {percentage} % of labels" if percentage else ""
    return _TITLES.get(kind, kind) + share


_TITLES = {
    "knn": "kNN",
    "knn_top5": "kNN top-5",
    "linear_probe": "linear probe",
    "few_label_probe": "probe with few labels",
    "chosen_probe": f"{CHOSEN} labels, chosen",
    "fine_tuned": "fine-tuned",
}
