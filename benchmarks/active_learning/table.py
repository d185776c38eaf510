"""What came out of the loops, as results/active_learning/table.md."""

import collections
import json

import numpy as np

from benchmarks.active_learning.settings import LEARNERS, QUERIES, SETTINGS
from keras_twins.evaluation import interval

_HEAD = """\
# Which images to label

Written by `python -m benchmarks.active_learning --table` from the files beside it, each
of which is one loop. Accuracy on test images in %: the mean over seeds and half its
95 % interval (Student's t).
"""

_NAMES = {
    "supervised": "classifier from random weights",
    "probe": "linear probe on the frozen encoder",
    "fine-tuning": "fine-tuning",
    "joint": "`JointTwins`",
}


def write(folder):
    """Writes the tables of all loops that have a file.

    Args:
        folder: path of the folder of files.
    """
    parts = [_HEAD, *(tables(folder, name) for name in SETTINGS)]
    (folder / "table.md").write_text("\n".join(parts), "utf-8")


def choice_path(folder, name):
    """Where what `--choose` found on a data set is kept."""
    return folder / f"{name}-choice.json"


def tables(folder, name):
    """The table of one data set, and what its queries gain, in Markdown."""
    loops = [
        json.loads(path.read_text("utf-8"))
        for path in sorted((folder / name).glob("*.json"))
    ]
    if not loops:
        return "\n".join([f"## {name}", "", *_choice(folder, name), "Not run yet.", ""])
    found = collections.defaultdict(dict)
    for loop in loops:
        found[loop["learner"], loop["query"]][loop["seed"]] = loop["accuracies"]
    seeds = sorted({loop["seed"] for loop in loops})
    budgets = SETTINGS[name].budgets
    lines = [
        f"## {name}",
        "",
        f"Pool of {SETTINGS[name].pool:,} images, {SETTINGS[name].test:,} test images, "
        f"{len(seeds)} seeds.",
        "",
        *_choice(folder, name),
        "| learner | labelled images | " + _columns(f"{b} labels" for b in budgets),
        "|---|---|" + "---|" * len(budgets),
    ]
    for learner in LEARNERS:
        for query in QUERIES:
            cells = _cells(list(found[learner, query].values()), len(budgets))
            lines.append(f"| {_NAMES[learner]} | {query} | " + _columns(cells))
    lines += [
        "",
        "Differences of the same seeds, in points:",
        "",
        "| comparison | " + _columns(f"{b} labels" for b in budgets),
        "|---|" + "---|" * len(budgets),
    ]
    for text, one, other in _comparisons():
        shared = sorted(set(found[one]) & set(found[other]))
        gains = [np.subtract(found[one][s], found[other][s]) for s in shared]
        cells = _cells(gains, len(budgets), signed=True)
        lines.append(f"| {text} | " + _columns(cells))
    return "\n".join([*lines, ""])


def _choice(folder, name):
    """What `--choose` found, in a sentence."""
    path = choice_path(folder, name)
    if not path.exists():
        return []
    found = json.loads(path.read_text("utf-8"))["accuracies"]
    said = (
        f"{' / '.join(f'{100 * a:.1f}' for a in accuracies)} with {float(weight):g}"
        for weight, accuracies in found.items()
    )
    return [
        "On held-out training images, random labels, `JointTwins` by its "
        f"`classification_weight`: {', '.join(said)}.",
        "",
    ]


def _comparisons():
    for learner in LEARNERS:
        pair = (learner, "chosen"), (learner, "random")
        yield f"{_NAMES[learner]}: chosen − random", *pair
    for query in QUERIES:
        for other in ("fine-tuning", "probe"):
            pair = ("joint", query), (other, query)
            yield f"`JointTwins` − {_NAMES[other]}, {query}", *pair


def _cells(rows, count, signed=False):
    """The mean of each column and half of its interval."""
    if not rows:
        return ["–"] * count
    sign = "+" if signed else ""
    cells = []
    for values in 100 * np.transpose(rows):
        half = interval(values)
        around = "" if half is None else f" ± {half:.1f}"
        cells.append(f"{np.mean(values):{sign}.1f}{around}")
    return cells


def _columns(cells):
    return " | ".join(cells) + " |"
