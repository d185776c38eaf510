"""The charts of the page, as plotly.js takes them.

Colours are the page's own, since they differ between light and dark: a trace says in
`meta` which of them it takes.
"""

import math

# More marks than these on a curve only hide it.
_MARKED = 40
_CLASSES_IN_LEGEND = 12

_LOSS = ("loss", "Loss", "its size depends on the batch, the width and the settings")
_OTHERS = (
    ("knn", "kNN accuracy", "on the test split"),
    (
        "participation_ratio",
        "Participation ratio",
        "directions the embeddings extend over",
    ),
    ("learning_rate", "Learning rate", "at the end of each epoch"),
)


def curves(records):
    """A chart for each metric that was measured, one line per run.

    Args:
        records: list of `keras_twins.runs.records.Record`.

    Returns:
        list of dict with `title`, `note`, `data` and `layout`.
    """
    charts = []
    last = max(record.epochs for record in records)
    for metric, title, note in (_LOSS, *_terms(records), *_OTHERS):
        traces = []
        for index, record in enumerate(records):
            epochs, values = record.curve(metric)
            if values:
                traces.append(_line(epochs, values, record.name, {"run": index}))
        if traces:
            levels = [_level(record, metric) for record in records]
            levels = [level for level in levels if level is not None]
            layout = _layout("epoch", _epochs(last), {}, legend=len(records) > 1)
            layout["shapes"] = [_dashed(level) for level in dict.fromkeys(levels)]
            if metric == "knn" or any(0.0 <= level <= 1.0 for level in levels):
                layout["yaxis"] |= _share_axis(traces)
            if metric == "knn":
                layout["yaxis"]["tickformat"] = ".0%"
            charts.append(
                {"title": title, "note": note, "data": traces, "layout": layout}
            )
    return charts


def _terms(records):
    """Name, title and note of each term of the runs' losses."""
    found = {}
    for record in records:
        known = record.levels.terms if record.levels else {}
        for name in record.term_names:
            if name in known:
                term = known[name]
                found[name] = (name, f"{term.title}: {term.measure}", term.note)
            else:
                found.setdefault(name, (name, name, "a term of the loss"))
    return found.values()


def _level(record, metric):
    """What a term of a run's loss is for perfect views, or None."""
    terms = record.levels.terms if record.levels else {}
    return terms[metric].perfect if metric in terms else None


def heat_maps(record):
    """The cross-correlation matrix of each snapshot of a run."""
    charts = []
    for name, snapshot in _moments(record):
        shown = len(snapshot.correlation)
        title = f"{name}: epoch {snapshot.epochs}"
        chance = 1 / math.sqrt(snapshot.count)
        note = (
            f"mean Cᵢᵢ {snapshot.on_diagonal:.2f}, "
            f"rms Cᵢⱼ {snapshot.off_diagonal:.3f}; chance {chance:.3f}"
        )
        trace = {
            "type": "heatmap",
            "z": [[_rounded(value) for value in row] for row in snapshot.correlation],
            "zmin": -1,
            "zmax": 1,
            "showscale": False,
            "meta": {"diverging": True},
            "hovertemplate": "C(%{y}, %{x}) = %{z}<extra></extra>",
        }
        layout = _layout("", {"range": [-0.5, shown - 0.5]}, {})
        layout["xaxis"] |= {"visible": False}
        layout["yaxis"] |= {
            "visible": False,
            "range": [shown - 0.5, -0.5],
            "scaleanchor": "x",
        }
        layout["margin"] = {"l": 0, "r": 0, "t": 0, "b": 0}
        charts.append({"title": title, "note": note, "data": [trace], "layout": layout})
    return charts


def spectrum(records):
    """Eigenvalues of the embeddings' covariance, as shares of their sum.

    Of one run at its start, middle and end; of several runs at their ends.
    """
    traces = []
    for index, record in enumerate(records):
        moments = _moments(record)
        if len(records) > 1:
            moments = moments[-1:]
        for step, (name, snapshot) in enumerate(moments):
            label = record.name if len(records) > 1 else f"{name} ({snapshot.epochs})"
            meta = {"run": index if len(records) > 1 else step}
            total = max(float(snapshot.spectrum.sum()), 1e-30)
            shares = [float(value) / total for value in snapshot.spectrum]
            # What is zero but for rounding has no logarithm to show.
            shares = [share if share > 1e-9 else None for share in shares]
            axis = list(range(1, len(shares) + 1))
            traces.append(_line(axis, shares, label, meta, marked=len(shares) == 1))
    if not traces:
        return None
    log = {"type": "log", "exponentformat": "power"}
    return {
        "title": "Covariance spectrum",
        "note": "share of the variance along each principal axis",
        "data": traces,
        "layout": _layout("axis", {}, log, legend=True),
    }


def embedding_map(points, classes, method):
    """Images as points, coloured by class, with their number for the thumbnail.

    Args:
        points: `(N, 2)` array.
        classes: list of N str, empty where there are no labels.
        method: str, how the points were found.
    """
    names = sorted(set(classes), key=_in_order)
    several = 1 < len(names) <= _CLASSES_IN_LEGEND
    groups = names if several else [None]
    traces = []
    for place, name in enumerate(groups):
        rows = [i for i, c in enumerate(classes) if name is None or c == name]
        meta = {"class": place} if several else {"run": 0}
        trace = {
            "type": "scatter",
            "mode": "markers",
            "name": name or "images",
            "x": [round(float(points[i][0]), 3) for i in rows],
            "y": [round(float(points[i][1]), 3) for i in rows],
            "customdata": rows,
            "marker": {"size": 6 if len(classes) > 300 else 8, "opacity": 0.8},
            "meta": meta,
            "hoverinfo": "none",
        }
        if len(names) > _CLASSES_IN_LEGEND:
            # Too many to tell by colour alone: the pointer tells the class.
            numbers = {name: index for index, name in enumerate(names)}
            trace["marker"] |= {
                "color": [numbers[c] for c in classes],
                "colorscale": "HSV",
                "showscale": False,
            }
            trace["meta"] = {}
        traces.append(trace)
    layout = _layout("", {}, {}, legend=several)
    layout["xaxis"] |= {"visible": False}
    layout["yaxis"] |= {"visible": False, "scaleanchor": "x"}
    layout["hovermode"] = "closest"
    layout["height"] = 560
    return {"title": method, "note": "", "data": traces, "layout": layout}


def _rounded(value):
    """A value as JSON has it, which knows no NaN."""
    return round(float(value), 2) if math.isfinite(value) else None


def _moments(record):
    """The snapshots of a run with a name each: start, middle and end."""
    names = {0: "Start", record.epochs_asked: "End"}
    return [(names.get(s.epochs, "Middle"), s) for s in record.snapshots]


def _line(x, y, name, meta, marked=None):
    marked = len(x) <= _MARKED if marked is None else marked
    return {
        "type": "scatter",
        "mode": "lines+markers" if marked else "lines",
        "name": name,
        "x": x,
        "y": y,
        "meta": meta,
        "line": {"width": 2},
        "marker": {"size": 6},
        "hovertemplate": "%{x}: %{y:.4g}",
    }


def _dashed(level):
    """A dashed line across a chart."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": level,
        "y1": level,
        "line": {"dash": "dash", "width": 1},
    }


def _share_axis(traces):
    values = [value for trace in traces for value in trace["y"]]
    return {"range": [min(0.0, *values) - 0.02, 1.05 if max(values) > 0.5 else None]}


def _epochs(last):
    axis = {"range": [0, last * 1.04], "tickformat": "d"}
    return axis | ({"dtick": 1} if last <= 6 else {"nticks": 6})


def _layout(x_title, xaxis, yaxis, legend=False):
    return {
        "height": 260,
        "margin": {"l": 52, "r": 12, "t": 8, "b": 40},
        "xaxis": {"title": {"text": x_title}, "fixedrange": True} | xaxis,
        "yaxis": {"fixedrange": True, "automargin": True} | yaxis,
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "dragmode": False,
        "hovermode": "x unified" if x_title else "closest",
    }


def _in_order(name):
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)
