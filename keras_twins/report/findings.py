"""The numbers of a run in sentences, and what to try next.

A pure function: from figures to findings. What a loss and its terms are read against,
the loss itself says (see `keras_twins.losses.Levels`); that the findings agree with one
another, `agreement` sees to.
"""

import math
import statistics

from keras_twins.report import accuracy, agreement
from keras_twins.report.figures import Finding

# From here on the input pipeline, and not the model, sets the pace.
_BOTTLENECK = 0.7
_NOTICEABLE = 0.35

# So few directions are a collapse; where there are few, a share of them.
_COLLAPSED = 2.0
_COLLAPSED_SHARE = 0.1

# Shares of the directions there are. A participation ratio is several times smaller
# than an effective rank: 11 beside 100 after three epochs of CIFAR-10.
_NARROW_RANK = 0.05
_NARROW_RATIO = 0.01


def find(figures):
    """What the figures say, in the order in which it should be read.

    One finding at most says what to try next in the training, and `Input` what would
    make it faster.

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
        *_terms(figures),
        _collapse(figures),
        accuracy.neighbours(figures),
        accuracy.worth(figures),
        _input(figures),
    ]
    found = [finding for finding in found if finding]
    return agreement.agree(found, accuracy.course(figures))


def _diverged(figures):
    for line in figures.metrics:
        if not math.isfinite(line["loss"]):
            return Finding(
                "Diverged",
                "warning",
                f"The loss was not a number any more in epoch {line['epoch']}; what "
                "comes after it is worth nothing.",
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
    loss, levels = figures.metrics[-1]["loss"], figures.levels
    if levels is None:
        return Finding(
            "Loss",
            "note",
            f"The loss is {_number(loss)}; it does not say what to read that against.",
        )
    way = levels.way(loss)
    setting = f" and {levels.settings}" if levels.settings else ""
    facts = (
        f"A loss of {_number(loss)} says little by itself: with D = {figures.width:,}, "
        f"N = {figures.batch_size:,}{setting}, views that have nothing in common give "
        f"about {_number(levels.unrelated)}, and perfect ones about "
        f"{_number(levels.perfect)}."
    )
    if way < 0.0:
        return Finding(
            "Loss",
            "warning",
            f"{facts} This one is above both: the embeddings are further from what the "
            "loss asks for than chance would have it.",
            "If it still falls, train longer; if not, lower the learning rate.",
        )
    if way < 0.5:
        return Finding(
            "Loss",
            "note",
            f"{facts} It has gone {_percent(way)} of that way.",
        )
    return Finding(
        "Loss",
        "good",
        f"{facts} It has gone {_percent(min(way, 1.0))} of that way.",
    )


def _terms(figures):
    """What each term of the loss says, in the loss's own words."""
    terms = figures.levels.terms if figures.levels else {}
    measured = {name: figures.last(name) for name in terms}
    for name, value in measured.items():
        if value is not None:
            term, verdict = terms[name], terms[name].judge(value)
            text = f"{term.describe(value)}: {verdict.text}."
            yield Finding(term.title, verdict.level, text, verdict.advice)


def _collapse(figures):
    rank = figures.last("test_effective_rank", "participation_ratio")
    spread = figures.last("test_embedding_std", "embedding_std")
    if rank is None:
        return None
    text = f"The embeddings extend over {rank:.1f} directions"
    if figures.embedding_width:
        text += f" of {figures.embedding_width:,}"
    # No batch extends over more directions than it has images.
    room = min(figures.embedding_width or math.inf, figures.batch_size)
    least = min(_COLLAPSED, 1.0 + _COLLAPSED_SHARE * (room - 1.0))
    if rank < least or (spread is not None and spread < 0.02):
        return Finding(
            "Collapse",
            "warning",
            f"{text}: they have collapsed, nearly all of them lie on one line.",
            "Lower the learning rate, lengthen the warm-up, and see that the projector "
            "has batch norm.",
        )
    _, history = figures.curve("participation_ratio")
    fell = len(history) > 1 and history[-1] < 0.5 * max(history)
    measured = figures.last("test_effective_rank") is not None
    narrow = rank < (_NARROW_RANK if measured else _NARROW_RATIO) * room
    if fell or narrow:
        why = "half of what they had" if fell else "few of those there are"
        return Finding(
            "Collapse",
            "note",
            f"{text}, {why}: a part of the embedding's width is unused (dimensional "
            "collapse).",
            _sentence(
                figures.levels.widening if figures.levels else "",
                "widen the projector",
                "or take a narrower encoder, which would be worth as much",
            ),
        )
    return Finding("Collapse", "good", f"{text}: nothing has collapsed.")


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
    if share >= _BOTTLENECK:
        return Finding("Input", "warning", f"{text}: it was the bottleneck.", advice)
    if share >= _NOTICEABLE:
        return Finding(
            "Input",
            "note",
            f"{text}: where both share a processor, that is {_percent(share)} of the "
            "time.",
            advice,
        )
    return Finding("Input", "good", f"{text}: it was not the bottleneck.")


def _sentence(*parts):
    """The parts that are not empty, as a sentence."""
    text = ", ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}."


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(share):
    return f"{100 * share:.0f} %"
