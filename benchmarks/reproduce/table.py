"""What was reproduced, as results/table.md."""

import collections
import json

import numpy as np

from benchmarks.reproduce.rows import FULL, QUICK, WIDTHS

_HEAD = """\
# Reproduction

Written by `python -m benchmarks.reproduce --table` from the files in
[reproduce/](reproduce), each of which is one run: its settings, accuracies, versions
and hardware. `make reproduce DATA_DIR=…` runs what has no file yet.
"""

_LOSSES = {"barlow_twins": "Barlow Twins", "hsic": "HSIC"}


def write(results):
    """Writes the table of all results.

    Args:
        results: path of the folder with `reproduce/*.json`.
    """
    found = collections.defaultdict(list)
    for path in sorted((results / "reproduce").glob("*.json")):
        run = json.loads(path.read_text("utf-8"))
        found[run["row"]].append(run)
    text = "\n".join([_HEAD, _widths(found), "", _full(found), ""])
    (results / "table.md").write_text(text, "utf-8")


def say(run):
    """The result of one run in a line."""
    return (
        f"kNN {100 * run['knn']:.2f} %, linear probe {100 * run['linear_probe']:.2f} %"
    )


def _widths(found):
    lines = [
        "## Does width pay once it is free?",
        "",
        _settings([run for row in QUICK for run in found[row.name]]),
        "",
        "| loss | form | λ | " + " | ".join(f"D = {width}" for width in WIDTHS) + " |",
        "|---|---|---|" + "---|" * len(WIDTHS),
    ]
    groups = collections.defaultdict(list)
    for row in QUICK:
        loss, form = row.overrides["loss.name"], row.overrides["loss.form"]
        weight = row.overrides.get("loss.redundancy_weight", 0)
        times = weight * row.overrides["projector"][-1]
        groups[_LOSSES[loss], form, times].append(found[row.name])
    for (loss, form, times), cells in groups.items():
        weight = f"{times:g}/D" if times else _shared_weight(cells)
        line = [loss, form, weight, *map(_accuracies, cells)]
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def _shared_weight(cells):
    """The λ that runs were made with, whatever the configuration says by now."""
    weights = {run["redundancy_weight"] for runs in cells for run in runs}
    return ", ".join(f"{weight:g}" for weight in sorted(weights)) or "–"


def _settings(runs):
    """What the runs of the first table share, in a sentence."""
    if not runs:
        return "Not run yet."
    first = runs[0]
    seeds = sorted({run["seed"] for run in runs})
    return (
        f"kNN (k {first['k']}, temperature {first['temperature']:g}) / linear probe, "
        f"in %. [`cifar10_quick.py`](../configs/cifar10_quick.py) with "
        f"half its channels and {first['epochs']} epochs; "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}; "
        f"{first['hardware']['processor']}."
    )


def _full(found):
    lines = [
        "## The configurations in full",
        "",
        "| row | configuration | kNN / linear probe, in % | seeds | published |",
        "|---|---|---|---|---|",
    ]
    for row in FULL:
        changes = "".join(f" --config.{k}={v}" for k, v in row.overrides.items())
        runs = found[row.name]
        cells = [
            row.name,
            f"`{row.config}{changes}`",
            _accuracies(runs),
            ", ".join(str(run["seed"]) for run in runs) or "–",
            row.published or "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracies(runs):
    """Means over the seeds, with 95 % intervals where there are several."""
    if not runs:
        return "not run"
    from keras_twins.evaluation.comparison import interval  # TensorFlow comes with it.

    texts = []
    for key in ("knn", "linear_probe"):
        values = [100 * run[key] for run in runs]
        around = interval(values)
        texts.append(
            f"{np.mean(values):.2f}"
            + (f" ± {around:.2f}" if around is not None else "")
        )
    return " / ".join(texts)
