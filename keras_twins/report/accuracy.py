"""What the accuracies of a run say."""

import dataclasses

from keras_twins.report.figures import Course, Finding

# Shares of kNN accuracy: less than half a point is noise of most test sets.
_KNN_STEP = 0.005

# The last quarter of a run is where an accuracy should no longer rise.
_EARLY = 0.75

_UNKNOWN = "no labels, no test images, or evaluation switched off"


def course(figures):
    """Where kNN accuracy is going at the end of a run.

    Returns:
        `Course`; `Course.UNKNOWN` also where it was not measured early enough, or the
        run has not ended: an accuracy rises again as the learning rate falls.
    """
    epochs, values = figures.curve("knn")
    early = _early(epochs)
    if not early:
        return Course.UNKNOWN
    if values[-1] < max(values) - 2 * _KNN_STEP:
        return Course.FALLING
    if epochs[-1] < figures.epochs:
        return Course.UNKNOWN
    rising = values[-1] - values[early[-1]] > _KNN_STEP
    return Course.RISING if rising else Course.FLAT


def neighbours(figures):
    """Whether kNN accuracy still rises, has fallen, or stays."""
    found = _neighbours(figures)
    return dataclasses.replace(found, text=" ".join([found.text, *figures.knn_notes]))


def _neighbours(figures):
    epochs, values = figures.curve("knn")
    if not values:
        return Finding(
            "kNN",
            "note",
            "No kNN accuracy was measured while training: "
            f"{figures.no_knn or _UNKNOWN}".rstrip(".")
            + ".",
            "Look at the map and the nearest neighbours instead.",
        )
    last = f"kNN accuracy is {100 * values[-1]:.1f} % after epoch {epochs[-1]}"
    early, found = _early(epochs), course(figures)
    if found is Course.FALLING:
        best = max(values)
        peak = epochs[values.index(best)]
        return Finding(
            "kNN",
            "warning",
            f"{last}, {100 * (best - values[-1]):.1f} points below its best of epoch "
            f"{peak}.",
            "Fewer epochs, a lower learning rate or stronger views.",
        )
    if found is Course.RISING:
        gain = values[-1] - values[early[-1]]
        return Finding(
            "kNN",
            "note",
            f"{last} and still rising: {100 * gain:.1f} points since epoch "
            f"{epochs[early[-1]]}.",
            "Train for more epochs: a new run, since the learning rate has to fall "
            "later.",
        )
    if found is Course.FLAT:
        text = f"{last} and no longer rising: more epochs would change little."
        return Finding("kNN", "good", text)
    if epochs[-1] < figures.epochs:
        text = f"{last}; whether it still rises is seen at the end of the run."
        return Finding("kNN", "note", text)
    return Finding(
        "kNN",
        "note",
        f"{last}; it was not measured early enough to tell whether it still rises.",
        "Take a smaller `--config.evaluation.every_epochs`.",
    )


def worth(figures):
    """What the trained encoder is worth beside the others of the evaluation."""
    rows = {row["name"]: row for row in figures.evaluation}
    trained = rows.get("trained encoder")
    if trained is None:
        return None
    if trained["knn"] is None:
        reason = trained.get("reasons", {}).get("knn", "it was not measured")
        text = f"The evaluation has no kNN accuracy of the trained encoder: {reason}"
        return Finding("Worth", "note", text.rstrip(".") + ".")
    others = [
        row
        for row in figures.evaluation
        if row is not trained and row["knn"] is not None
    ]
    if not others:
        return None
    best = max(others, key=lambda row: row["knn"])
    gain = 100 * (trained["knn"] - best["knn"])
    text = (
        f"With kNN the trained encoder gets {100 * trained['knn']:.1f} %, the "
        f"{best['name']} {100 * best['knn']:.1f} %"
    )
    if gain > 100 * _KNN_STEP:
        return Finding("Worth", "good", f"{text}: {gain:.1f} points were learned.")
    more = "try a larger encoder" if course(figures) is Course.FLAT else "train longer"
    return Finding(
        "Worth",
        "warning",
        f"{text}: nothing was gained over it.",
        "See with `keras-twins views` whether the views keep what tells the classes "
        f"apart; then {more}.",
    )


def _early(epochs):
    """Places of the measurements before the last quarter."""
    return [i for i, e in enumerate(epochs) if e <= _EARLY * epochs[-1]]
