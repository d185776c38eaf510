"""The loss of SimSiam and BYOL."""

import math
from typing import Any

import keras
from keras import ops

from keras_twins import replicas
from keras_twins.losses import rows, statistics, verdicts
from keras_twins.losses.base import PairLoss
from keras_twins.losses.levels import Levels, Term
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class NegativeCosineLoss(PairLoss):
    """Negative cosine (SimSiam, BYOL): predictions of one view point to the other.

    Formula: `−mean_n ⟨p, z⟩ / (‖p‖ ‖z‖)` with `p = z_a` the predictions and `z = z_b`
    the targets, through which no gradient passes (Chen and He, arXiv 2011.10566,
    equation 1). A method takes the mean of both directions: the loss of the predictions
    of a and the targets of b, and that of the predictions of b and the targets of a.
    BYOL's loss (arXiv 2006.07733, equation 2) is 2 + 2 times this one.

    Nothing in it keeps embeddings from being all the same; a predictor with targets
    that have no gradient does. Its terms say whether it works: `similarity` is the mean
    cosine, and `spread` the mean deviation of a feature of the targets of unit length,
    times √D: 1 where they spread evenly, 0 where they are all the same.

    Args:
        stop_gradient: bool, whether targets are constants. Without it embeddings
            collapse, as SimSiam's figure 2 shows.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> loss = kt.losses.NegativeCosineLoss()
        >>> float(loss(z, 3.0 * z)), float(loss(z, -z))
        (-1.0, 1.0)
    """

    term_names = ("similarity", "spread")
    predicts = True

    def __init__(
        self, stop_gradient: bool = True, name: str = "negative_cosine_loss"
    ) -> None:
        super().__init__(name=name)
        self.stop_gradient = stop_gradient

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        n = statistics.count_rows(z_a)
        targets = rows.unit_rows(z_b)
        if self.stop_gradient:
            targets = ops.stop_gradient(targets)
        similarity = rows.batch_mean(ops.sum(rows.unit_rows(z_a) * targets, axis=1), n)
        return {
            "loss": -similarity,
            "similarity": ops.stop_gradient(similarity),
            "spread": _spread(ops.stop_gradient(targets), n),
        }

    def levels(self, batch: int, width: int) -> Levels:
        """What unrelated and perfect views would give: a cosine of 0, and of 1."""
        return Levels(
            unrelated=0.0,
            perfect=-1.0,
            terms={
                "similarity": _SIMILARITY,
                "spread": _spread_term(math.sqrt(1.0 - 1.0 / batch)),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {"stop_gradient": self.stop_gradient, "name": self.name}


def _spread(units, n):
    """The mean deviation of a feature over the global batch, times √D."""
    mean = replicas.current().sum(ops.sum(units, axis=0)) / n
    variances = rows.batch_mean(ops.square(units - mean), n)
    return math.sqrt(units.shape[1]) * ops.mean(ops.sqrt(variances))


_SIMILARITY = Term(
    title="Invariance",
    measure="mean cosine of prediction and target",
    note="1 is perfect",
    unrelated=0.0,
    perfect=1.0,
    good=0.8,
    poor=0.5,
    sentence=(
        "The prediction from a view and its target have a cosine of {value:.2f} (1 is "
        "all)"
    ),
    verdicts=verdicts.AGREEMENT,
)


def _spread_term(most):
    return Term(
        title="Spread",
        measure="deviation of unit targets, times √D",
        note="1 is even, 0 collapsed",
        unrelated=most,
        perfect=most,
        good=0.5 * most,
        poor=0.1 * most,
        sentence="The targets spread by {value:.2f} (1 is even, 0 a collapse)",
        verdicts=verdicts.SPREAD,
    )
