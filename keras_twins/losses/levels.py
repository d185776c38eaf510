"""What the numbers of a loss mean: the levels to read them against, and in words."""

import dataclasses
import math
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a value says.

    Attributes:
        level: "good", "note" or "warning".
        text: str, what was found, the end of a sentence without its full stop.
        advice: str, sentences that say what to try next; empty where nothing is due.
    """

    level: Literal["good", "note", "warning"]
    text: str
    advice: str = ""


@dataclasses.dataclass(frozen=True)
class Term:
    """How one term of a loss is read.

    Attributes:
        title: str, a word or two: "Redundancy".
        measure: str, what is measured: "root mean square of Cᵢⱼ".
        note: str, the levels in a few words, for the foot of a chart.
        unrelated: float, the value for views that have nothing in common.
        perfect: float, the value for the best embeddings.
        good: float, a value up to which all is well.
        poor: float, a value beyond which something is wrong. Where `poor` is less than
            `good`, more is better.
        sentence: str, for `str.format` with `value`, `unrelated`, `perfect` and
            `times`, which is `value / unrelated`: a sentence without its full stop,
            such that ": " and the text of a verdict end it.
        verdicts: three `Verdict`, for a value that is good, one between, and one that
            is poor.
    """

    title: str
    measure: str
    note: str
    unrelated: float
    perfect: float
    good: float
    poor: float
    sentence: str
    verdicts: tuple[Verdict, Verdict, Verdict]

    def judge(self, value: float) -> Verdict:
        """The verdict on a value.

        Args:
            value: float, the term as it was measured.

        Returns:
            One of `verdicts`.
        """
        sign = 1.0 if self.good > self.poor else -1.0
        if sign * value >= sign * self.good:
            return self.verdicts[0]
        return self.verdicts[1 if sign * value >= sign * self.poor else 2]

    def describe(self, value: float) -> str:
        """The value in a sentence, without its full stop.

        Args:
            value: float, the term as it was measured.
        """
        times = value / self.unrelated if self.unrelated else math.nan
        return self.sentence.format(
            value=value, unrelated=self.unrelated, perfect=self.perfect, times=times
        )


@dataclasses.dataclass(frozen=True)
class Levels:
    """What a loss and its terms are read against, at one batch size and width.

    Whoever shows a run asks the loss for them, and needs to know neither its class nor
    its name.

    Attributes:
        unrelated: float, the loss for views that have nothing in common.
        perfect: float, the loss for the best embeddings.
        settings: str, what the two depend on beside N and D, such as "λ = 0.0051"; may
            be empty.
        widening: str, what makes embeddings extend over more directions, such as "raise
            the weight of the covariance"; empty where no setting of the loss does.
        terms: dict, a `Term` for each of the loss's `term_names`, or for some.

    Examples:
        >>> import keras_twins as kt
        >>> levels = kt.losses.BarlowTwinsLoss().levels(batch=128, width=256)
        >>> round(levels.unrelated, 1), round(levels.perfect, 1), levels.settings
        (258.6, 2.6, 'λ = 0.0051')
        >>> round(levels.way(100.0), 2)  # of the way from the one to the other
        0.62
        >>> term = levels.terms["off_diagonal"]
        >>> f"{term.title}: {term.measure}; {term.note}"
        'Redundancy: root mean square of Cᵢⱼ; dashed: chance, 1/√N'
        >>> verdict = term.judge(0.2)
        >>> print(f"{term.describe(0.2)}: {verdict.text}.")
        Two different features correlate by 0.200 (root mean square of Cᵢⱼ), 2.3 times \
the 0.088 that chance gives (1/√N): a little redundancy is left.
        >>> verdict.level, verdict.advice
        ('note', 'More epochs usually remove it.')
    """

    unrelated: float
    perfect: float
    settings: str = ""
    widening: str = ""
    terms: dict[str, Term] = dataclasses.field(default_factory=dict)

    def way(self, loss: float) -> float:
        """How much of the way from unrelated to perfect a loss has gone.

        Args:
            loss: float, as it was measured.

        Returns:
            float: 0 for unrelated views, 1 for perfect ones; less than 0 where the loss
            is above that of unrelated views.
        """
        return (self.unrelated - loss) / (self.unrelated - self.perfect)
