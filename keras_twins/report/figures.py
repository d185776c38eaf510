"""The numbers of a run, and what is said of them."""

import dataclasses
import enum

from keras_twins.losses import Levels


class Course(enum.Enum):
    """Where an accuracy is going at the end of a run."""

    RISING = enum.auto()
    FLAT = enum.auto()
    FALLING = enum.auto()
    UNKNOWN = enum.auto()


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
        levels: `keras_twins.losses.Levels` of the loss, or None where it has none.
        batch_size: int, N.
        width: int, D, of the projections.
        embedding_width: int, or None where it is not known.
        images_per_epoch: int, or None where it is not known.
        input_rate: float, pairs a second of the input pipeline alone, or None.
        evaluation: list of dict, rows of `evaluation.json`, which may be empty.
        no_knn: str, why kNN accuracy was not measured while training, or empty.
        knn_notes: list of sentences, how it was measured.
    """

    metrics: list[dict]
    epochs: int
    levels: Levels | None
    batch_size: int
    width: int
    embedding_width: int | None = None
    images_per_epoch: int | None = None
    input_rate: float | None = None
    evaluation: list[dict] = dataclasses.field(default_factory=list)
    no_knn: str = ""
    knn_notes: list[str] = dataclasses.field(default_factory=list)

    def curve(self, name):
        """`(epochs, values)` of one metric where it was measured."""
        points = [(line["epoch"], line[name]) for line in self.metrics if name in line]
        return [p[0] for p in points], [p[1] for p in points]

    def last(self, *names):
        """The last value of the first of these metrics that was measured at all."""
        for name in names:
            _, values = self.curve(name)
            if values:
                return values[-1]
        return None
