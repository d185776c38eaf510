"""The loss of LeJEPA."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_twins.losses import checks, draws, statistics, verdicts
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.rows import batch_mean
from keras_twins.losses.views import ViewsLoss
from keras_twins.types import Tensor

# The statistic's integral over -3..3: it is even, so 17 knots over half of it will do.
_KNOTS = np.linspace(0.0, 3.0, 17, dtype="float32")
_NORMAL = np.exp(-0.5 * _KNOTS**2)
_STEP = np.where((_KNOTS == 0.0) | (_KNOTS == 3.0), 1.0, 2.0) * _KNOTS[1]
_WEIGHTS = np.float32(_STEP * _NORMAL)


@keras.saving.register_keras_serializable(package="keras_twins")
class SIGRegLoss(ViewsLoss):
    """SIGReg (LeJEPA): views that agree, and embeddings that are normally distributed.

    Formula: `(1 − λ) mean (z − z̄)² + λ mean_s N ∫ |φ̂(t) − φ(t)|² φ(t) dt` with
    `φ(t) = e^(−t²/2)` and `φ̂(t) = mean_n e^(i t ⟨s, zₙ⟩)` along unit vectors s, both
    parts as means over V views (Balestriero and LeCun, arXiv 2511.08544: the
    Epps-Pulley statistic of each slice s, by the trapezoidal rule with 17 knots on
    0..3). The defaults are the paper's. Its terms are the parts without their weights.

    Each step has slices of its own, which depend on `seed` and on the number that
    `keras_twins.losses.at_step` says, and on nothing else: they are the same on all
    replicas, and in a training that goes on. `Twins` says the number of the batch, and
    -1 in a validation.

    Time is O(N D S) with S slices. Replicas exchange 34 S numbers per view; as for the
    gradient, the words of `keras_twins.losses.CorrelationLoss` hold here too.

    Args:
        regularisation_weight: float, λ, 0 to 1.
        slices: int, S, 1 or more.
        seed: int.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> rng = np.random.default_rng(0)
        >>> loss = kt.losses.SIGRegLoss()
        >>> normal, narrow = rng.normal(size=(256, 8)), 0.1 * rng.normal(size=(256, 8))
        >>> terms = loss.terms(normal, normal)
        >>> float(terms["invariance"]), round(float(terms["sigreg"]))
        (0.0, 1)
        >>> float(loss(narrow, narrow)) > 10 * float(terms["loss"])
        True
    """

    term_names = ("invariance", "sigreg")

    def __init__(
        self,
        regularisation_weight: float = 0.05,
        slices: int = 1024,
        seed: int = 0,
        name: str = "sigreg_loss",
    ) -> None:
        if not 0.0 <= regularisation_weight <= 1.0:
            raise ValueError(
                "Invalid value for argument `regularisation_weight`. Expected a number "
                f"in 0..1. Received: regularisation_weight={regularisation_weight}"
            )
        checks.check_positive(slices=slices)
        super().__init__(name=name)
        self.regularisation_weight = regularisation_weight
        self.slices = slices
        self.seed = seed

    def of_views(self, views: list[Tensor]) -> dict[str, Tensor]:
        n = statistics.count_rows(views[0])
        directions = self.directions(views[0].shape[1])
        statistic = sum(_epps_pulley(z, directions, n) for z in views) / len(views)
        mean = sum(views) / len(views)
        squares = sum(ops.square(z - mean) for z in views) / len(views)
        invariance = ops.mean(batch_mean(squares, n))
        weight = self.regularisation_weight
        return {
            "loss": (1.0 - weight) * invariance + weight * statistic,
            "invariance": ops.stop_gradient(invariance),
            "sigreg": ops.stop_gradient(statistic),
        }

    def directions(self, width: int) -> Tensor:
        """The slices of the running step.

        Args:
            width: int, D.

        Returns:
            `(D, S)` float32, columns of unit length.
        """
        normal = draws.normal((width, self.slices), self.seed, "slices")
        return normal * ops.rsqrt(ops.sum(ops.square(normal), axis=0))

    def levels(self, batch: int, width: int, views: int = 2) -> Levels:
        """What unrelated and perfect views of standard normal embeddings would give.

        N |φ̂ − φ|² has the mean 1 − φ² at each knot, whatever N.
        """
        chance = float(np.sum(_WEIGHTS * (1.0 - np.square(_NORMAL))))
        weight, unrelated = self.regularisation_weight, 1.0 - 1.0 / views
        return Levels(
            unrelated=(1.0 - weight) * unrelated + weight * chance,
            perfect=weight * chance,
            settings=f"λ = {weight:g}",
            widening="raise `--config.loss.regularisation_weight`",
            terms={
                "invariance": _invariance(unrelated),
                "sigreg": _normality(chance),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "regularisation_weight": self.regularisation_weight,
            "slices": self.slices,
            "seed": self.seed,
            "name": self.name,
        }


def _epps_pulley(z, directions, n):
    """The mean over slices of N times the weighted distance to the normal's φ."""
    knots, normal, weights = map(ops.convert_to_tensor, (_KNOTS, _NORMAL, _WEIGHTS))
    angles = ops.expand_dims(ops.matmul(z, directions), -1) * knots
    real, imaginary = (batch_mean(part(angles), n) for part in (ops.cos, ops.sin))
    distances = ops.square(real - normal) + ops.square(imaginary)
    return n * ops.mean(ops.sum(distances * weights, axis=1))


def _invariance(unrelated):
    return Term(
        title="Invariance",
        measure="mean of (z − z̄)²",
        note=f"0 is perfect, {unrelated:.3g} unrelated",
        unrelated=unrelated,
        perfect=0.0,
        good=0.2 * unrelated,
        poor=0.5 * unrelated,
        sentence=(
            "The views of an example are {value:.3f} from their mean (mean of "
            "(z − z̄)²; 0 is perfect, and unrelated views give {unrelated:.3g})"
        ),
        verdicts=verdicts.AGREEMENT,
    )


def _normality(chance):
    return Term(
        title="Normality",
        measure="Epps-Pulley statistic, mean over slices",
        note="dashed: samples of a normal distribution",
        unrelated=chance,
        perfect=chance,
        good=2.0 * chance,
        poor=10.0 * chance,
        sentence=(
            "The embeddings are {value:.3g} from a normal distribution (Epps-Pulley), "
            "{times:.1f} times what its own samples are"
        ),
        verdicts=(
            Verdict("good", "they are all but normally distributed"),
            Verdict("note", "they are not quite normal", "More epochs usually help."),
            Verdict(
                "warning",
                "they are far from normal, or collapsed",
                "Train longer, lower the learning rate, or raise λ.",
            ),
        ),
    )
