"""The loss of FroSSL."""

import math
from typing import Any

import keras
from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, moments, statistics, verdicts
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.rows import batch_mean
from keras_twins.losses.statistics import Form
from keras_twins.losses.views import ViewsLoss
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class FroSSLLoss(ViewsLoss):
    """FroSSL: views that agree, and embeddings that extend over many directions.

    Formula: `Σᵥ (2 log ‖Kᵥ / tr Kᵥ‖_F + w V D mean (zᵥ − z̄)²)` over V views, whose
    features have unit length over the batch, with `K = zᵀz` or `zzᵀ` (Skean et al.,
    arXiv 2310.02903, as in the authors' function for any number of views).
    Their older function for two views is this one of centred embeddings. The default
    weight is the authors'.

    Of its terms, `invariance` is the second part without its weight. `directions` is
    `1 / ‖K / tr K‖²_F`, the geometric mean over the views: over how many directions
    they extend, at most min(N, D). The loss is `w invariance − V log directions`.

    `‖K‖²_F` comes from the smaller matrix, as with
    `keras_twins.losses.CorrelationLoss`, whose words on replicas and on `form` hold
    here too. Either form is a sum of squares, of which nothing is subtracted.

    Args:
        invariance_weight: float, w, 0 or more.
        form: `"gram"`, `"correlation"` or `"auto"`: which matrix is built, `(N, N)` or
            `(D, D)`.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> loss = kt.losses.FroSSLLoss()
        >>> float(loss.terms(z, z)["directions"])
        2.0
        >>> terms = loss.view_terms([z, z, -z])
        >>> round(float(terms["invariance"]), 3), round(float(terms["loss"]), 3)
        (4.0, 1.921)
    """

    term_names = ("invariance", "directions")

    def __init__(
        self,
        invariance_weight: float = 1.0,
        form: Form = "auto",
        name: str = "frossl_loss",
    ) -> None:
        checks.check_weights(invariance_weight=invariance_weight)
        checks.check_choice(statistics.FORMS, form=form)
        super().__init__(name=name)
        self.invariance_weight = invariance_weight
        self.form = form

    def of_views(self, views: list[Tensor]) -> dict[str, Tensor]:
        n = statistics.count_rows(views[0])
        lengths = replicas.current().sum(
            ops.stack([ops.sum(ops.square(z), axis=0) for z in views])
        )
        scales = statistics.inverse_root(lengths)
        units = [z * scales[index] for index, z in enumerate(views)]
        # The trace: a feature of zeros is the only one without unit length.
        traces = ops.sum(ops.cast(scales > 0.0, "float32"), axis=1)
        norms = [moments.squared_norm(self.form, unit) for unit in units]
        log_directions = ops.sum(2.0 * ops.log(traces) - ops.log(ops.stack(norms)))
        invariance = self._invariance(units, n)
        loss = self.invariance_weight * invariance - log_directions
        directions = ops.exp(ops.stop_gradient(log_directions) / len(views))
        return {
            "loss": loss,
            "invariance": ops.stop_gradient(invariance),
            "directions": directions,
        }

    def _invariance(self, units, n):
        """`Σᵥ V D mean (zᵥ − z̄)²`."""
        mean = sum(units) / len(units)
        squares = sum(ops.square(unit - mean) for unit in units)
        return len(units) * ops.sum(batch_mean(squares, n))

    def levels(self, batch: int, width: int, views: int = 2) -> Levels:
        """What unrelated and perfect views would give.

        The matrix K of N independent samples has squares of 1/N beside its diagonal.
        """
        directions = width / (1.0 + (width - 1) / batch)
        perfect = -views * math.log(directions)
        unrelated = views * (views - 1) * width / batch
        return Levels(
            unrelated=self.invariance_weight * unrelated + perfect,
            perfect=perfect,
            settings=f"an invariance weight of {self.invariance_weight:g}",
            widening="lower `--config.loss.invariance_weight`",
            terms={
                "invariance": _invariance(unrelated),
                "directions": _directions(directions),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "invariance_weight": self.invariance_weight,
            "form": self.form,
            "name": self.name,
        }


def _invariance(unrelated):
    return Term(
        title="Invariance",
        measure="Σᵥ V D mean (zᵥ − z̄)²",
        note="0 is perfect; dashed: unrelated, V (V − 1) D/N",
        unrelated=unrelated,
        perfect=0.0,
        good=0.2 * unrelated,
        poor=0.5 * unrelated,
        sentence=(
            "The views of an example differ by {value:.3g}, and unrelated ones by "
            "{unrelated:.3g}"
        ),
        verdicts=verdicts.AGREEMENT,
    )


def _directions(chance):
    return Term(
        title="Directions",
        measure="1 / ‖K / tr K‖²_F",
        note="dashed: independent samples, 1 / (1/D + 1/N)",
        unrelated=chance,
        perfect=chance,
        good=0.5 * chance,
        poor=0.1 * chance,
        sentence=(
            "The projections of a batch extend over {value:.1f} directions, and "
            "independent samples over {unrelated:.1f}"
        ),
        verdicts=(
            Verdict("good", "nothing has collapsed"),
            Verdict("note", "a part of the width is unused", "Train longer."),
            Verdict(
                "warning",
                "they have all but collapsed",
                "Lower the learning rate, or the weight of the invariance.",
            ),
        ),
    )
