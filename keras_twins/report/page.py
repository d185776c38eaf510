"""The page of one run or of several: one HTML file that needs no other."""

import dataclasses
import datetime
import json
from typing import Any

import markupsafe
import plotly.offline

from keras_twins.evaluation import rows, table
from keras_twins.report import charts, findings, heard, templates
from keras_twins.report.figures import Figures
from keras_twins.runs.workdir import TEACHER

_STYLES = ("page.css", "copy.css", "play.css")
_SCRIPTS = ("copy.js", "play.js", "page.js")


@dataclasses.dataclass(frozen=True)
class Run:
    """What the page shows of one run.

    Attributes:
        record: `keras_twins.runs.records.Record`.
        looks: `keras_twins.report.looks.Looks`, or the reason (str) why there are none.
        views: list of an image's pictures, `(name, data URI)` each, or the reason (str)
            why there are none.
    """

    record: Any
    looks: Any
    views: Any


def render(runs, folder="."):
    """Renders the page.

    Args:
        runs: list of `Run`, at least one.
        folder: path of the folder that the page will lie in: it plays recordings from
            where they are.

    Returns:
        str, HTML that opens without a network.
    """
    records = [run.record for run in runs]
    drawn = _Charts()
    return templates.render(
        "page.html",
        title=" and ".join(record.name for record in records),
        subtitle=_subtitle(records),
        runs=[_shown(index, run, drawn, folder) for index, run in enumerate(runs)],
        curves=[drawn.add(chart) for chart in charts.curves(records)],
        spectrum=drawn.add(charts.spectrum(records)),
        described=_side_by_side([_described(record) for record in records]),
        settings=_side_by_side([record.settings for record in records]),
        thumb=_thumb,
        code=_code,
        charts=markupsafe.Markup(drawn.as_script()),
        plotly=markupsafe.Markup(plotly.offline.get_plotlyjs()),
        style=markupsafe.Markup().join(map(templates.marked, _STYLES)),
        script=markupsafe.Markup().join(map(templates.marked, _SCRIPTS)),
    )


def figures(record):
    """The `Figures` of a run."""
    return Figures(
        metrics=record.metrics,
        epochs=record.epochs_asked,
        levels=record.levels,
        batch_size=record.batch_size,
        width=record.width,
        embedding_width=len(record.snapshots[-1].spectrum)
        if record.snapshots
        else None,
        images_per_epoch=record.images_per_epoch,
        input_rate=record.provenance.get("input_pairs_per_second"),
        evaluation=record.evaluation["rows"] if record.evaluation else [],
        no_knn=record.measures.get("missing", {}).get("kNN", ""),
        knn_notes=record.measures.get("notes", []),
    )


class _Charts:
    """The charts of a page, each with the id of the element that holds it."""

    def __init__(self):
        self._charts = []

    def add(self, chart, **more):
        if chart is None:
            return None
        chart = chart | more | {"id": f"chart-{len(self._charts)}"}
        self._charts.append(chart)
        return chart

    def as_script(self):
        wanted = ("id", "data", "layout", "classes", "paths", "sounds", "columns")
        data = [{k: c[k] for k in wanted if k in c} for c in self._charts]
        # A class may be called </script>.
        return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _shown(index, run, drawn, folder):
    record = run.record
    shown = {
        "index": index % 4,
        "name": record.name,
        "findings": findings.find(figures(record)),
        "table": _table(record.evaluation),
        "snapshot": record.snapshots[-1] if record.snapshots else None,
        "heat_maps": [drawn.add(chart) for chart in charts.heat_maps(record)],
    }
    for name, value in (("looks", run.looks), ("views", run.views)):
        missing = isinstance(value, str)
        shown[name] = None if missing else value
        shown[f"{name}_missing"] = value if missing else None
    looks = shown["looks"]
    if looks:
        sounds = [heard.address(path, folder) for path in looks.paths or ()]
        shown["sounds"] = sounds if any(sounds) else []
        chart = charts.embedding_map(looks.points, looks.groups, looks.method)
        shown["map"] = drawn.add(
            chart,
            classes=looks.classes,
            paths=looks.paths or [],
            sounds=shown["sounds"],
            columns=looks.columns,
        )
    return shown


def _table(evaluation):
    if not evaluation:
        return None
    header, *lines = table.cells(evaluation["rows"])
    caption = f"On {evaluation['dataset']}: {_measured_on(evaluation)}."
    if evaluation.get("network") == TEACHER:
        caption += (
            " The trained encoder is the teacher, in the map and the neighbours, too; "
            "kNN while training is of the student."
        )
    if evaluation.get("held_out"):
        caption += f" {evaluation['held_out']}"
    return {
        "caption": caption,
        "header": header,
        "rows": lines,
        "footnotes": rows.footnotes(evaluation["rows"]),
    }


def _measured_on(evaluation):
    if "divisions" in evaluation:  # Of recordings: `rows` are those of the first one.
        first = evaluation["divisions"][0]
        divided = f"division by {first['name']}, {first['folds']} fold"
        divided += "s" if first["folds"] > 1 else ""
        return f"{evaluation['recordings']:,} labelled recordings, {divided}"
    return (
        f"{evaluation['train_images']:,} labelled training images, "
        f"{evaluation['test_images']:,} test images"
    )


def _described(record):
    """What ran, in words."""
    ran = record.provenance
    settings = record.levels.settings if record.levels else ""
    described = record.parts | {
        "loss": ", ".join(filter(None, (record.parts["loss"], settings))),
        "training examples": _count(ran.get("training_images")),
        "batch size N": _count(record.batch_size),
        "epochs": f"{record.epochs} of {record.epochs_asked}",
        "examples seen": _count(record.images_seen),
        "time": _duration(record.seconds),
    }
    if ran:
        hardware = ran["hardware"]
        cores = f"{hardware['cores']} cores of {hardware['processor']}"
        described["hardware"] = ", ".join([*hardware["accelerators"], cores])
        described["replicas"] = str(ran["replicas"])
        described["versions"] = ", ".join(
            f"{name} {version}" for name, version in ran["versions"].items()
        )
    return described


def _side_by_side(columns):
    """`(name, values)` over several dicts; a dash where one has no such name."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    return [(name, [_text(c.get(name)) for c in columns]) for name in names]


def _text(value):
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value)


def _subtitle(records):
    made = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    if len(records) > 1:
        return f"{len(records)} runs compared · {made}"
    (record,) = records
    epochs = "1 epoch" if record.epochs == 1 else f"{record.epochs:,} epochs"
    return f"{record.subject}, {epochs} in {_duration(record.seconds)} · {made}"


def _thumb(run, row, kind, similarity=None):
    """A tile of the sprite; one of a file has a path to copy, and a sound to play."""
    looks, sounds = run["looks"], run["sounds"]
    path = looks.paths[row] if looks.paths else ""
    words = [looks.classes[row] or ("" if path else f"image {row}"), path]
    if similarity is not None:
        words.insert(1, f"{similarity:.2f}")
    files = markupsafe.Markup(' data-path="{}" tabindex="0"').format(path)
    if sounds and sounds[row]:
        files += markupsafe.Markup(' data-sound="{}"').format(sounds[row])
    return markupsafe.Markup(
        '<div class="thumb {}" style="--c:{};--r:{}" title="{}"{}></div>'
    ).format(
        kind,
        row % looks.columns,
        row // looks.columns,
        ", ".join(filter(None, words)),
        files if path else "",
    )


def _code(text):
    """Text in which `this` is a command or a flag."""
    parts = [markupsafe.escape(part) for part in text.split("`")]
    marked = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)]
    return markupsafe.Markup("".join(marked))


def _count(value):
    return "–" if value is None else f"{value:,}"


def _duration(seconds):
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
