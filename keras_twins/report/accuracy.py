"""What the accuracies of a run say."""

from keras_twins.report.figures import Finding

# Shares of kNN accuracy: less than half a point is noise of most test sets.
_KNN_STEP = 0.005

# The last quarter of a run is where an accuracy should no longer rise.
_EARLY = 0.75


def neighbours(figures):
    """Whether kNN accuracy still rises, has fallen, or stays."""
    epochs, values = figures.curve("knn")
    if not values:
        return Finding(
            "kNN",
            "note",
            "No kNN accuracy was measured while training (no labels, no test split, or "
            "evaluation switched off).",
            "Look at the map and the nearest neighbours instead.",
        )
    last = f"kNN accuracy is {100 * values[-1]:.1f} % after epoch {epochs[-1]}"
    early = [i for i, e in enumerate(epochs) if e <= _EARLY * epochs[-1]]
    if not early:
        return Finding(
            "kNN",
            "note",
            f"{last}; it was not measured early enough to tell whether it still rises.",
            "Take a smaller `--config.evaluation.every_epochs`.",
        )
    best = max(values)
    if values[-1] < best - 2 * _KNN_STEP:
        peak = epochs[values.index(best)]
        return Finding(
            "kNN",
            "warning",
            f"{last}, {100 * (best - values[-1]):.1f} points below its best of epoch "
            f"{peak}.",
            "Fewer epochs, a lower learning rate or stronger views.",
        )
    before = early[-1]
    gain = values[-1] - values[before]
    if gain > _KNN_STEP:
        return Finding(
            "kNN",
            "note",
            f"{last} and still rising: {100 * gain:.1f} points since epoch "
            f"{epochs[before]}.",
            "Train for more epochs: a new run, since the learning rate has to fall "
            "later.",
        )
    return Finding(
        "kNN", "good", f"{last} and no longer rising: the run is long enough."
    )


def worth(figures):
    """What the trained encoder is worth beside the others of the evaluation."""
    rows = {row["name"]: row for row in figures.evaluation}
    trained = rows.get("trained encoder")
    if not trained or len(rows) < 2:
        return None
    others = [row for row in figures.evaluation if row is not trained]
    best = max(others, key=lambda row: row["knn"])
    gain = 100 * (trained["knn"] - best["knn"])
    text = (
        f"With kNN the trained encoder gets {100 * trained['knn']:.1f} %, the "
        f"{best['name']} {100 * best['knn']:.1f} %"
    )
    if gain > 100 * _KNN_STEP:
        return Finding("Worth", "good", f"{text}: {gain:.1f} points were learned.")
    return Finding(
        "Worth",
        "warning",
        f"{text}: the training has not been worth it yet.",
        "Train longer, and see with `keras-twins views` whether the views keep what "
        "tells the classes apart.",
    )
