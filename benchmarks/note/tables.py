"""The tables of docs/note.md, one function per question."""

from benchmarks.note import cost
from benchmarks.note.methods import METHODS
from benchmarks.note.rows import (
    BATCH_SIZES,
    BATCHED,
    COLLAPSING,
    FULL,
    QUICK,
    SIDE_BY_SIDE,
    batch_row,
)
from benchmarks.note.summary import DEPENDENCES, SPACES, missing, rates

NOT_RUN = "not run"
_FULL_COMMAND = "make reproduce ROWS=note-full DATA_DIR=/path/to/tensorflow_datasets"
_HEADS = {
    "linear_hsic": "linear HSIC",
    "linear_alignment": "share of its most",
    "kernel_hsic": "kernel HSIC",
    "kernel_alignment": "share of its most",
}


def state(found):
    """What has been run."""
    left, asked = missing(found.results)
    seconds = sum(
        run["training_cpu_seconds"] + run["measuring_cpu_seconds"]
        for run in found.results.values()
    )
    machines = sorted({run["hardware"]["processor"] for run in found.results.values()})
    return (
        f"{asked - left} of {asked} trainings of the main table, "
        f"{len(found.results)} trainings in all, {seconds / 3600:.1f} core-hours; "
        f"{', '.join(machines) or NOT_RUN}."
    )


def searched(found):
    """The rates that were tried."""
    lines = []
    for method, tried in rates(found.results).items():
        best = max(accuracy for _, accuracy in tried)
        cells = [
            f"**{rate:g}: {100 * knn:.1f}**"
            if knn == best
            else f"{rate:g}: {100 * knn:.1f}"
            for rate, knn in tried
        ]
        lines.append([METHODS[method].title, ", ".join(cells)])
    return _table(["method", "rate: kNN of held-out images, in %"], lines)


def batches(found):
    """kNN accuracy by batch size."""
    lines = []
    for method in BATCHED:
        rows = [batch_row(method, size).name for size in BATCH_SIZES]
        cells = [percent(found.mean(row, "knn")) for row in rows]
        losses = [
            percent(found.difference(row, method, "knn"), signed=True)
            for row in (rows[0], rows[-1])
        ]
        lines.append([METHODS[method].title, *cells, *losses])
    sizes = [str(size) for size in BATCH_SIZES]
    ends = [f"{size} less 128" for size in (BATCH_SIZES[0], BATCH_SIZES[-1])]
    return _table(["method", *sizes, *ends], lines)


def rule(found):
    """Whether another rate would have done better at the ends."""
    lines = []
    for method in BATCHED:
        cells = []
        for size in (16, 1024):
            names = [
                f"rule-{method}-batch{size}-x0.5",
                batch_row(method, size).name,
                f"rule-{method}-batch{size}-x2",
            ]
            # Held-out images, and the one seed that the other two have.
            for name in names:
                knn = found.values(name, "history", -1, "knn")[:1]
                cells.append(f"{100 * knn[0]:.1f}" if knn else NOT_RUN)
        lines.append([METHODS[method].title, *cells])
    heads = [f"{size}: {by}" for size in (16, 1024) for by in ("½", "the rule", "2 ×")]
    return _table(["method", *heads], lines)


def collapse(found):
    """What is left without predictor or stop-gradient."""
    lines = []
    for row in ("barlow_twins", "hsic", "simsiam", "byol", *COLLAPSING):
        lines.append(
            [
                METHODS[row].title,
                percent(found.mean(row, "knn")),
                *(
                    number(found.mean(row, "history", -1, name))
                    for name in ("effective_rank", "participation_ratio")
                ),
                number(found.mean(row, "history", -1, "embedding_std"), 3),
            ]
        )
    first = [run["history"][0] for run in found.of("barlow_twins")][:1]
    untrained = [
        *(f"{100 * point['knn']:.1f} (held-out)" for point in first),
        *(f"{p['effective_rank']:.1f}" for p in first),
        *(f"{p['participation_ratio']:.1f}" for p in first),
        *(f"{p['embedding_std']:.3f}" for p in first),
    ] or [NOT_RUN] * 4
    lines.append(["untrained", *untrained])
    heads = ["method", "kNN", "effective rank", "participation ratio", "embedding std"]
    return _table(heads, lines)


def targets(found):
    """What the off-diagonal of C is drawn to."""
    kinds = (("−1", "hsic"), ("0", "barlow_twins"), ("none: ‖C‖² alone", "maximised"))
    lines = []
    for width, suffix in ((2048, ""), (128, "-128")):
        for target, method in kinds:
            row = method + suffix
            lines.append(
                [
                    str(width),
                    target,
                    percent(found.mean(row, "knn")),
                    percent(found.mean(row, "linear_probe")),
                    number(found.mean(row, "history", -1, "effective_rank")),
                    percent(
                        found.difference(row, f"barlow_twins{suffix}", "knn"),
                        signed=True,
                    ),
                ]
            )
    heads = [
        "D",
        "target",
        "kNN",
        "linear probe",
        "effective rank",
        "kNN less target 0",
    ]
    return _table(heads, lines)


def dependence(found):
    """How the dependence of the views goes with accuracy, over each training."""
    lines = []
    for row in SIDE_BY_SIDE:
        cells = [
            number(found.rises_together(row, space, name), 2)
            for space in SPACES
            for name in DEPENDENCES
        ]
        lines.append([METHODS[row].title, *cells])
    across = [found.across(space, name) for space in SPACES for name in DEPENDENCES]
    lines.append(
        [
            "over the methods, at the end",
            *(f"{one[0]:.2f} (n = {one[1]})" if one else NOT_RUN for one in across),
        ]
    )
    return _table(["method", *_dependence_heads()], lines)


def levels(found):
    """How dependent the views are, untrained and trained."""
    lines = []
    for row in SIDE_BY_SIDE:
        cells = []
        for space in SPACES:
            for name in DEPENDENCES:
                course = found.course(row, space, name)
                cells.append(
                    f"{course[0][1]:.3g} → {course[-1][1]:.3g}" if course else NOT_RUN
                )
        lines.append([METHODS[row].title, *cells])
    return _table(["method", *_dependence_heads()], lines)


def side_by_side(found):
    """All methods at one budget."""
    lines = []
    reference = cost.median(found.cost, "barlow_twins")
    for row in SIDE_BY_SIDE:
        step = cost.median(found.cost, row)
        lines.append(
            [
                METHODS[row].title,
                percent(found.mean(row, "knn")),
                percent(found.mean(row, "linear_probe")),
                percent(found.difference(row, "barlow_twins", "knn"), signed=True),
                number(found.mean(row, "training_cpu_seconds"), 0),
                f"{step:.3f}" if step else NOT_RUN,
                f"{step / reference:.2f}" if step and reference else NOT_RUN,
                number(found.mean(row, "peak_mb"), 0),
            ]
        )
    heads = [
        *("method", "kNN", "linear probe", "kNN less Barlow Twins"),
        *("core-seconds", "core-ms of a step per image", "of Barlow Twins'"),
        "memory, MB",
    ]
    return _table(heads, lines)


def half_hour(found):
    """The quick configuration's network and images."""
    lines = []
    for row in QUICK:
        minutes = found.mean(row.name, "training_cpu_seconds")
        lines.append(
            [
                METHODS[row.method].title,
                percent(found.mean(row.name, "knn")),
                percent(found.mean(row.name, "linear_probe")),
                f"{minutes[0] / 60:.1f}" if minutes else NOT_RUN,
            ]
        )
    return _table(["method", "kNN", "linear probe", "core-minutes"], lines)


def full(found):
    """What needs a GPU."""
    lines = [
        [
            METHODS[row.method].title,
            percent(found.mean(row.name, "knn")),
            percent(found.mean(row.name, "linear_probe")),
        ]
        for row in FULL
    ]
    return f"    {_FULL_COMMAND}\n\n" + _table(["method", "kNN", "linear probe"], lines)


BLOCKS = {
    "state": state,
    "searched": searched,
    "batches": batches,
    "rule": rule,
    "collapse": collapse,
    "targets": targets,
    "dependence": dependence,
    "levels": levels,
    "side_by_side": side_by_side,
    "half_hour": half_hour,
    "full": full,
}


def percent(mean, signed=False):
    """A share and its interval in %."""
    if mean is None:
        return NOT_RUN
    value, around = mean
    text = f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"
    return text if around is None else f"{text} ± {100 * around:.2f}"


def number(mean, digits=1):
    """A number and its interval."""
    if mean is None:
        return NOT_RUN
    value, around = mean
    text = f"{value:.{digits}f}"
    return text if around is None else f"{text} ± {around:.{digits}f}"


def _dependence_heads():
    return [f"{space}: {_HEADS[name]}" for space in SPACES for name in DEPENDENCES]


def _table(heads, lines):
    parts = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in parts)
