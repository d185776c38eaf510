"""The loss of VICReg."""

from typing import Any

import keras
from keras import ops

from keras_twins.losses import checks, moments, statistics, verdicts
from keras_twins.losses.base import PairLoss
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.rows import batch_mean
from keras_twins.losses.statistics import Form
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class VICRegLoss(PairLoss):
    """VICReg: views that agree, features that vary, and that do not covary.

    Formula: `w₁ mean (a − b)² + w₂ ½ Σ_views mean_d max(0, 1 − √(var_d + eps)) +
    w₃ Σ_views Σᵢ≠ⱼ Covᵢⱼ² / D`, variances and covariances divided by N − 1 (Bardes et
    al., arXiv 2105.04906, equations 1 to 6, in the scaling of the official code). The
    defaults are the paper's.

    Its terms are the three parts without their weights. The covariances come from the
    smaller matrix, as those of `keras_twins.losses.CorrelationLoss`, whose words on
    replicas and on `form` hold here too; neither form subtracts one sum from another,
    however unlike the sizes of the features.

    Args:
        invariance_weight: float, w₁, 0 or more.
        variance_weight: float, w₂, 0 or more.
        covariance_weight: float, w₃, 0 or more.
        eps: float, more than 0. Added to the variances, under the root.
        form: `"gram"`, `"correlation"` or `"auto"`: whether covariances come from
            `(N, N)` matrices or from the `(D, D)` one.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> loss = kt.losses.VICRegLoss()
        >>> round(float(loss(z, z)), 6)  # the features vary, and do not covary
        0.0
        >>> round(float(loss(z, z[:, ::-1])), 6)  # 25 times the mean of (a − b)², 2
        50.0
    """

    term_names = ("invariance", "variance", "covariance")

    def __init__(
        self,
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        eps: float = 1e-4,
        form: Form = "auto",
        name: str = "vicreg_loss",
    ) -> None:
        checks.check_weights(
            invariance_weight=invariance_weight,
            variance_weight=variance_weight,
            covariance_weight=covariance_weight,
        )
        checks.check_positive(eps=eps)
        checks.check_choice(statistics.FORMS, form=form)
        super().__init__(name=name)
        self.invariance_weight = invariance_weight
        self.variance_weight = variance_weight
        self.covariance_weight = covariance_weight
        self.eps = eps
        self.form = form

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        a, b, n = statistics.centre(z_a, z_b)
        width = z_a.shape[1]
        invariance = ops.mean(batch_mean(ops.square(z_a - z_b), n))
        squares = ops.stack([ops.square(z) for z in (a, b)], axis=1)
        deviations = ops.sqrt(batch_mean(squares, n - 1.0) + self.eps)
        # The hinge is 0.5 Σ over two views, which is the mean over both.
        variance = ops.mean(ops.relu(1.0 - deviations))
        # Divided first: the squares of sums over a large batch are large.
        scale = ops.rsqrt(n - 1.0)
        covariance = sum(
            moments.off_diagonal_squares(self.form, z * scale) / width for z in (a, b)
        )
        loss = (
            self.invariance_weight * invariance
            + self.variance_weight * variance
            + self.covariance_weight * covariance
        )
        return {
            "loss": loss,
            "invariance": ops.stop_gradient(invariance),
            "variance": ops.stop_gradient(variance),
            "covariance": ops.stop_gradient(covariance),
        }

    def levels(self, batch: int, width: int) -> Levels:
        """What unrelated and perfect views of unit deviation would give.

        Covᵢⱼ of N independent samples has variance 1/(N − 1), which no embeddings of a
        batch get below by being better ones.
        """
        chance = 2.0 * (width - 1) / (batch - 1)
        perfect = self.covariance_weight * chance
        weights = (self.invariance_weight, self.variance_weight, self.covariance_weight)
        return Levels(
            unrelated=2.0 * self.invariance_weight + perfect,
            perfect=perfect,
            settings="weights {:g}, {:g} and {:g}".format(*weights),
            widening="raise `--config.loss.covariance_weight`",
            terms={
                "invariance": _INVARIANCE,
                "variance": _VARIANCE,
                "covariance": _covariance(chance),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "invariance_weight": self.invariance_weight,
            "variance_weight": self.variance_weight,
            "covariance_weight": self.covariance_weight,
            "eps": self.eps,
            "form": self.form,
            "name": self.name,
        }


_INVARIANCE = Term(
    title="Invariance",
    measure="mean of (a − b)²",
    note="0 is perfect, 2 unrelated",
    unrelated=2.0,
    perfect=0.0,
    good=0.4,
    poor=1.0,
    sentence=(
        "The two views of an example differ by {value:.2f} (mean of (a − b)²; 0 is "
        "perfect, and unrelated views of deviation 1 give 2)"
    ),
    verdicts=verdicts.AGREEMENT,
)

_VARIANCE = Term(
    title="Variance",
    measure="mean of what deviations lack of 1",
    note="0 is perfect, 1 collapsed",
    unrelated=0.0,
    perfect=0.0,
    good=0.1,
    poor=0.5,
    sentence=(
        "The features' deviations lack {value:.2f} of 1 on average (0 is perfect, and "
        "1 a collapse)"
    ),
    verdicts=(
        Verdict("good", "the features vary"),
        Verdict("note", "some features hardly vary", "More epochs usually help."),
        Verdict(
            "warning",
            "the features have collapsed",
            "Lower the learning rate, or raise the weight of the variance.",
        ),
    ),
)


def _covariance(chance):
    """Squares: 1.5 and 3 times what chance gives a covariance."""
    return Term(
        title="Redundancy",
        measure="Σᵢ≠ⱼ Covᵢⱼ² / D of both views",
        note="dashed: chance, 2 (D − 1)/(N − 1)",
        unrelated=chance,
        perfect=chance,
        good=2.25 * chance,
        poor=9.0 * chance,
        sentence=(
            "The squares of the covariances are {value:.3g} per feature, and chance "
            "gives {unrelated:.3g}"
        ),
        verdicts=(
            Verdict("good", "redundancy is gone"),
            Verdict(
                "note", "a little redundancy is left", "More epochs usually remove it."
            ),
            Verdict(
                "warning",
                "features repeat each other",
                "Train longer, or double the weight of the covariance.",
            ),
        ),
    )
