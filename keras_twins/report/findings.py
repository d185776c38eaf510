"""The numbers of a run in sentences, each with what to try next.

A pure function: from figures to findings. What can be read at any width and batch size
are the terms of the loss, not its size (see `keras_twins.losses.base.Terms`).
"""

import dataclasses
import math
import statistics

# Features whose correlation is within this multiple of chance are told apart by none.
_NEAR_CHANCE = 1.5
_FAR_FROM_CHANCE = 3.0

# Shares of kNN accuracy: less than half a point is noise of most test sets.
_KNN_STEP = 0.005

# The last quarter of a run is where an accuracy should no longer rise.
_EARLY = 0.75

# From here on the input pipeline, and not the model, sets the pace.
_BRAKE = 0.7
_NOTICEABLE = 0.35


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the numbers say.

    Attributes:
        topic: str, a word or two.
        level: "good", "note" or "warning".
        text: str, what was found, with the figures.
        advice: str, what to try next; empty where nothing needs to be.
    """

    topic: str
    level: str
    text: str
    advice: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
    """What the findings are made from.

    Attributes:
        metrics: list of dict, one an epoch, with `epoch`, `seconds`, `loss` and what
            else was measured in it; at least one.
        epochs: int, how many were asked for.
        loss_name: "barlow_twins" or "hsic".
        redundancy_weight: float, λ.
        batch_size: int, N.
        width: int, D, of the projections.
        embedding_width: int, or None where it is not known.
        images_per_epoch: int, or None where it is not known.
        input_rate: float, pairs a second of the input pipeline alone, or None.
        evaluation: list of dict, rows of `evaluation.json`, which may be empty.
    """

    metrics: list[dict]
    epochs: int
    loss_name: str
    redundancy_weight: float
    batch_size: int
    width: int
    embedding_width: int | None = None
    images_per_epoch: int | None = None
    input_rate: float | None = None
    evaluation: list[dict] = dataclasses.field(default_factory=list)


def find(figures):
    """What the figures say, in the order in which it should be read.

    Args:
        figures: `Figures`.

    Returns:
        list of `Finding`.
    """
    broken = _diverged(figures)
    if broken:
        return [broken]
    found = [
        _ended(figures),
        _loss(figures),
        _invariance(figures),
        _redundancy(figures),
        _collapse(figures),
        _neighbours(figures),
        _worth(figures),
        _input(figures),
    ]
    return [finding for finding in found if finding]


def loss_levels(figures):
    """What the loss would be for unrelated views, and at best.

    Cᵢⱼ of N independent samples has variance 1/N, so that Σᵢ≠ⱼ Cᵢⱼ² is D (D − 1) / N
    by chance; the HSIC loss adds its target's λ D (D − 1).

    Returns:
        two floats: Cᵢᵢ = 0 with Cᵢⱼ at chance, Cᵢᵢ = 1 with Cᵢⱼ at chance.
    """
    pairs = figures.width * (figures.width - 1)
    chance = pairs / figures.batch_size
    target = pairs if figures.loss_name == "hsic" else 0.0
    best = figures.redundancy_weight * (chance + target)
    return figures.width + best, best


def _diverged(figures):
    for line in figures.metrics:
        if not math.isfinite(line["loss"]):
            return Finding(
                "Diverged",
                "warning",
                f"The loss was no number any more in epoch {line['epoch']}; what comes "
                "after it is worth nothing.",
                "Take a third of the learning rate or a longer warm-up; with "
                "mixed_float16, try mixed_bfloat16 or float32.",
            )
    return None


def _ended(figures):
    done = figures.metrics[-1]["epoch"]
    if done >= figures.epochs:
        return None
    return Finding(
        "Unfinished",
        "note",
        f"{done} of {figures.epochs} epochs are done.",
        "The same `keras-twins train` command goes on from here.",
    )


def _loss(figures):
    loss = figures.metrics[-1]["loss"]
    unrelated, best = loss_levels(figures)
    way = (unrelated - loss) / figures.width
    facts = (
        f"A loss of {_number(loss)} says little by itself: with D = {figures.width:,}, "
        f"N = {figures.batch_size:,} and λ = {figures.redundancy_weight:g}, views that "
        f"have nothing in common give about {_number(unrelated)}, and perfect ones "
        f"about {_number(best)}."
    )
    if way < 0.0:
        return Finding(
            "Loss",
            "warning",
            f"{facts} This one is above both: features repeat each other more than "
            "chance would have it.",
            "If it still falls, train longer; if not, lower the learning rate.",
        )
    if way < 0.5:
        return Finding(
            "Loss",
            "note",
            f"{facts} It has gone {_percent(way)} of that way.",
            "Its terms below say which of the two is missing.",
        )
    return Finding(
        "Loss",
        "good",
        f"{facts} It has gone {_percent(min(way, 1.0))} of that way, which is healthy.",
    )


def _invariance(figures):
    value = figures.metrics[-1].get("on_diagonal")
    if value is None:
        return None
    text = f"The two views of an image correlate by {value:.2f} (mean of Cᵢᵢ; 1 is all)"
    if value >= 0.8:
        return Finding("Invariance", "good", f"{text}: they agree.")
    if value >= 0.5:
        return Finding(
            "Invariance",
            "note",
            f"{text}: they agree in good part.",
            "More epochs usually raise it.",
        )
    return Finding(
        "Invariance",
        "warning",
        f"{text}: they hardly agree.",
        "Train longer, raise the learning rate, or make the views milder: larger crops "
        "first (`keras-twins views` shows them).",
    )


def _redundancy(figures):
    value = figures.metrics[-1].get("off_diagonal")
    if value is None:
        return None
    chance = 1.0 / math.sqrt(figures.batch_size)
    ratio = value / chance
    text = (
        f"Two different features correlate by {value:.3f} (root mean square of Cᵢⱼ), "
        f"{ratio:.1f} times the {chance:.3f} that chance gives for batches of "
        f"{figures.batch_size:,} (1/√N)"
    )
    if ratio <= _NEAR_CHANCE:
        return Finding("Redundancy", "good", f"{text}: redundancy is gone.")
    if ratio <= _FAR_FROM_CHANCE:
        return Finding(
            "Redundancy",
            "note",
            f"{text}: a little redundancy is left.",
            "More epochs usually remove it.",
        )
    return Finding(
        "Redundancy",
        "warning",
        f"{text}: features repeat each other.",
        "Train longer, or double `--config.loss.redundancy_weight`; a projector that "
        "is narrower than the data's variety demands can leave some, too.",
    )


def _collapse(figures):
    rank = _last(figures, "test_effective_rank", "participation_ratio")
    spread = _last(figures, "test_embedding_std", "embedding_std")
    if rank is None:
        return None
    text = f"The embeddings extend over {rank:.1f} directions"
    if figures.embedding_width:
        text += f" of {figures.embedding_width:,}"
    if rank < 2.0 or (spread is not None and spread < 0.02):
        return Finding(
            "Collapse",
            "warning",
            f"{text}: they have collapsed, every image looks the same to the encoder.",
            "Lower the learning rate, lengthen the warm-up, and see that the projector "
            "has batch norm.",
        )
    _, history = _curve(figures, "participation_ratio")
    fell = len(history) > 1 and history[-1] < 0.5 * max(history)
    # No batch extends over more directions than it has images.
    room = min(figures.embedding_width or math.inf, figures.batch_size)
    narrow = rank < 0.05 * room
    if fell or narrow:
        why = "half of what they had" if fell else "few of those there are"
        return Finding(
            "Collapse",
            "note",
            f"{text}, {why}: a part of the embedding's width is unused (dimensional "
            "collapse).",
            "Raise `--config.loss.redundancy_weight`, widen the projector, or take a "
            "narrower encoder, which would be worth as much.",
        )
    return Finding("Collapse", "good", f"{text}: nothing has collapsed.")


def _neighbours(figures):
    epochs, values = _curve(figures, "knn")
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


def _worth(figures):
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


def _input(figures):
    if not figures.input_rate or not figures.images_per_epoch:
        return None
    # The first epoch holds what is done once: tracing, and reading into memory.
    lines = figures.metrics[1:] or figures.metrics
    seconds = statistics.median(
        line["seconds"] - line.get("evaluation_seconds", 0.0) for line in lines
    )
    rate = figures.images_per_epoch / max(seconds, 1e-9)
    share = rate / figures.input_rate
    text = (
        f"The training took {_number(rate)} pairs a second; the input pipeline alone "
        f"makes {_number(figures.input_rate)}"
    )
    advice = (
        "Try `--config.views_on_device=True` on a GPU, smaller images on disk, more "
        "cores, or `--config.data_service`."
    )
    if share >= _BRAKE:
        return Finding("Input", "warning", f"{text}: it was the brake.", advice)
    if share >= _NOTICEABLE:
        return Finding(
            "Input",
            "note",
            f"{text}: where both share a processor, that is {_percent(share)} of the "
            "time.",
            advice,
        )
    return Finding("Input", "good", f"{text}: it was not the brake.")


def _curve(figures, name):
    points = [(line["epoch"], line[name]) for line in figures.metrics if name in line]
    return [p[0] for p in points], [p[1] for p in points]


def _last(figures, *names):
    """The last value of the first of these metrics that was measured at all."""
    for name in names:
        _, values = _curve(figures, name)
        if values:
            return values[-1]
    return None


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(share):
    return f"{100 * share:.0f} %"
