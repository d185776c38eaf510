"""Writes results/note/table.md, the charts beside it, and the tables of docs/note.md.

A table stands between `<!-- note/NAME -->` and `<!-- end -->`.
"""

import re

from benchmarks.note import charts, tables
from benchmarks.note.methods import METHODS
from benchmarks.note.rows import BATCH_SIZES, BATCHED, SIDE_BY_SIDE, batch_row
from keras_twins import files

_BLOCK = re.compile(r"<!-- note/(\w+) -->\n(.*?)<!-- end -->", re.DOTALL)

_HEAD = """\
# The note's argument, measured: every row

Written by `make reproduce ROWS=note` from the files in `runs/`, each of which is one
training. [The page](../../docs/note.md) has the questions and what was shrunk. Means
over seeds with 95 % intervals; kNN and probe in %, of the test images, or of held-out
training images where a rate was chosen or checked.
"""


def write(found, page):
    """Writes all that is made from the results.

    Args:
        found: `benchmarks.note.summary.Found`.
        page: path of docs/note.md, in whose repository `results/note/` is.
    """
    folder = page.parent.parent / "results" / "note"
    files.write_text(folder / "table.md", every_row(found))
    for name, drawing in drawings(found).items():
        files.write_text(folder / f"{name}.svg", drawing)
    files.write_text(page, fill(page.read_text("utf-8"), found))


def fill(text, found):
    """A page with each of its tables written anew.

    Args:
        text: str, a Markdown document with a block for each of `tables.BLOCKS`.
        found: `Found`.

    Raises:
        ValueError: for a table without a block.
    """
    lacking = set(tables.BLOCKS) - {match[1] for match in _BLOCK.finditer(text)}
    if lacking:
        raise ValueError(f"no block <!-- note/{min(lacking)} --> ... <!-- end -->")
    return _BLOCK.sub(
        lambda match: (
            f"<!-- note/{match[1]} -->\n{tables.BLOCKS[match[1]](found)}\n<!-- end -->"
        ),
        text,
    )


def every_row(found):
    """A line for each row that has a result."""
    lines = [
        "| row | batch | rate | seeds | kNN | linear probe | effective rank "
        "| core-seconds | MB |",
        "|" + "---|" * 9,
    ]
    for row in dict.fromkeys(run["job"]["row"] for run in found.results.values()):
        job = found.of(row)[0]["job"]
        seeds = ", ".join(str(run["job"]["seed"]) for run in found.of(row))
        cells = [
            *(row, str(job["batch_size"]), f"{job['rate']:g}", seeds),
            tables.percent(found.mean(row, "knn")),
            "–" if job["held_out"] else tables.percent(found.mean(row, "linear_probe")),
            tables.number(found.mean(row, "history", -1, "effective_rank")),
            tables.number(found.mean(row, "training_cpu_seconds"), 0),
            tables.number(found.mean(row, "peak_mb"), 0),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([_HEAD, *lines, ""])


def drawings(found):
    """The charts, by the name of their file."""
    by_size = {
        METHODS[method].title: [
            (size, 100 * mean[0], mean[1] and 100 * mean[1])
            for size in BATCH_SIZES
            if (mean := found.mean(batch_row(method, size).name, "knn"))
        ]
        for method in BATCHED
    }
    by_time, by_dependence = {}, {}
    for method in SIDE_BY_SIDE:
        accuracy = _percents(found.course(method, "knn"))
        seconds = found.course(method, "training_cpu_seconds")
        shares = found.course(method, "embeddings", "kernel_alignment")
        title = METHODS[method].title
        by_time[title] = _against(seconds, accuracy)
        by_dependence[title] = _against(shares, accuracy)
    return {
        "batches": charts.draw(
            "kNN accuracy by batch size, test images",
            by_size,
            "batch size",
            "kNN, %",
            log_x=True,
        ),
        "time": charts.draw(
            "kNN accuracy over the training, held-out images",
            by_time,
            "core-seconds of training",
            "kNN, %",
        ),
        "dependence": charts.draw(
            "Dependence of two views and kNN accuracy over each training",
            by_dependence,
            "exact-kernel HSIC of the embeddings, share of its most",
            "kNN, %",
        ),
    }


def _percents(course):
    return [
        (epoch, 100 * mean, around and 100 * around) for epoch, mean, around in course
    ]


def _against(course, other):
    """`(x, y, None)` of two courses of the same training."""
    return [(x, y, None) for (_, x, _), (_, y, _) in zip(course, other, strict=True)]
