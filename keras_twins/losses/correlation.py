"""What the Barlow Twins and HSIC losses share: the cross-correlation matrix."""

import math
from typing import Any

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, statistics, verdicts
from keras_twins.losses.base import PairLoss
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.statistics import Ddof, Form
from keras_twins.types import Tensor


class CorrelationLoss(PairLoss):
    """Base of the losses `Σᵢ (Cᵢᵢ − 1)² + λ Σᵢ≠ⱼ (Cᵢⱼ − target)²`.

    Its terms can be read at any width and batch size, as the loss cannot:
    `on_diagonal`, the mean of Cᵢᵢ, is 1 where the two views agree perfectly, and
    `off_diagonal`, the root mean square of Cᵢⱼ, i ≠ j, is about 1/√N by chance alone.

    Inside a replica of a `tf.distribute` strategy, the value is the loss of the global
    batch, the same on all replicas, whatever number of samples each of them has. The
    gradient is this replica's share of the global gradient, to be *summed* over
    replicas, as Keras optimizers do: no further division by their number is due.

    Of the two forms, the Gram form gathers 2 N D numbers and the correlation form
    all-reduces D² (and both a handful of vectors of length D). `form="auto"` takes the
    Gram form where 2 N ≤ D, so the one that moves fewer bytes there. Elsewhere it takes
    the correlation form, for the sake of rounding. Where several replicas share batches
    of a size that is not known in advance, the choice must be made before a batch is
    seen: it is the correlation form up to D = 2048 and the Gram form above.

    Both have right derivatives of any order. `jax.jvp` of the loss and `torch.func` go
    through the correlation form alone (see `keras_twins.replicas.OneReplica.gram`).

    Args:
        redundancy_weight: float, λ, 0 or more.
        eps: float, 0 or more. Added to the variances, under the root.
        ddof: 0 or 1. Variances are divided by `N - ddof`.
        form: `"gram"`, `"correlation"` or `"auto"`: which matrix is built, `(N, N)` or
            `(D, D)`; see `keras_twins.losses.statistics.choose_form`.
    """

    term_names = ("on_diagonal", "off_diagonal")
    off_diagonal_target = 0.0

    def __init__(
        self, redundancy_weight: float, eps: float, ddof: Ddof, form: Form, name: str
    ) -> None:
        checks.check_weights(redundancy_weight=redundancy_weight, eps=eps)
        checks.check_choice((0, 1), ddof=ddof)
        checks.check_choice(statistics.FORMS, form=form)
        super().__init__(name=name)
        self.redundancy_weight = redundancy_weight
        self.eps = eps
        self.ddof = ddof
        self.form = form

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        a, b, n = statistics.standardise((z_a, z_b), self.eps, self.ddof)
        return statistics.in_form(
            self.form,
            a,
            lambda: self.from_gram(a, b, n, statistics.gram_squared_norm(a, b, n)),
            lambda: self.from_correlation(a, b, n),
        )

    def from_correlation(self, a: Tensor, b: Tensor, n: Tensor) -> dict[str, Tensor]:
        """The terms of standardised shards, `(n, D)`, from the `(D, D)` matrix C."""
        matrix = statistics.correlation_matrix(a, b, n)
        diagonal = ops.diagonal(matrix)
        off = matrix * (1.0 - ops.eye(matrix.shape[0], dtype="float32"))
        return self._assemble(diagonal, ops.sum(ops.square(off)), lambda: ops.sum(off))

    def from_gram(
        self, a: Tensor, b: Tensor, n: Tensor, squared_norm: Tensor
    ) -> dict[str, Tensor]:
        """The terms of standardised shards, `(n, D)`, and ‖C‖²_F of Gram matrices."""
        group = replicas.current()
        diagonal = group.total(ops.sum(a * b, axis=0)) / n
        squares = squared_norm - ops.sum(ops.square(diagonal))

        def off_sum():
            products = ops.sum(ops.sum(a, axis=1) * ops.sum(b, axis=1))
            return group.total(products) / n - ops.sum(diagonal)

        # The difference of two sums may come out a rounding error below zero.
        return self._assemble(diagonal, ops.maximum(squares, 0.0), off_sum)

    def _assemble(self, diagonal, off_squares, off_sum):
        """Terms from Cᵢᵢ `(D,)`, Σᵢ≠ⱼ Cᵢⱼ² and, where it matters, Σᵢ≠ⱼ Cᵢⱼ."""
        pairs = float(diagonal.shape[0] * (diagonal.shape[0] - 1))
        target = self.off_diagonal_target
        redundancy = off_squares
        if target:
            redundancy = redundancy - 2.0 * target * off_sum() + target**2 * pairs
        loss = ops.sum(ops.square(diagonal - 1.0)) + self.redundancy_weight * redundancy
        return {
            "loss": loss,
            "on_diagonal": ops.stop_gradient(ops.mean(diagonal)),
            "off_diagonal": ops.sqrt(ops.stop_gradient(off_squares) / max(pairs, 1.0)),
        }

    def levels(self, batch: int, width: int) -> Levels:
        """What unrelated and perfect views would give.

        Cᵢⱼ of N independent samples has variance 1/N, so that Σᵢ≠ⱼ (Cᵢⱼ − target)² is
        D (D − 1) (1/N + target²) where features have nothing in common but chance, and
        it is no less for the best embeddings.
        """
        pairs = width * (width - 1)
        chance = pairs * (1.0 / batch + self.off_diagonal_target**2)
        perfect = self.redundancy_weight * chance
        return Levels(
            unrelated=width + perfect,
            perfect=perfect,
            settings=f"λ = {self.redundancy_weight:g}",
            widening="raise `--config.loss.redundancy_weight`",
            terms={
                "on_diagonal": _ON_DIAGONAL,
                "off_diagonal": _off_diagonal(1.0 / math.sqrt(batch)),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "redundancy_weight": self.redundancy_weight,
            "eps": self.eps,
            "ddof": self.ddof,
            "form": self.form,
            "name": self.name,
        }


_ON_DIAGONAL = Term(
    title="Invariance",
    measure="mean of Cᵢᵢ",
    note="1 is perfect",
    unrelated=0.0,
    perfect=1.0,
    good=0.8,
    poor=0.5,
    sentence=(
        "The two views of an example correlate by {value:.2f} (mean of Cᵢᵢ; 1 is all)"
    ),
    verdicts=verdicts.AGREEMENT,
)


def _off_diagonal(chance):
    """Correlations within 1.5 times chance are told apart from it by nobody."""
    return Term(
        title="Redundancy",
        measure="root mean square of Cᵢⱼ",
        note="dashed: chance, 1/√N",
        unrelated=chance,
        perfect=chance,
        good=1.5 * chance,
        poor=3.0 * chance,
        sentence=(
            "Two different features correlate by {value:.3f} (root mean square of "
            "Cᵢⱼ), {times:.1f} times the {unrelated:.3f} that chance gives (1/√N)"
        ),
        verdicts=(
            Verdict("good", "redundancy is gone"),
            Verdict(
                "note", "a little redundancy is left", "More epochs usually remove it."
            ),
            Verdict(
                "warning",
                "features repeat each other",
                "Train longer, or double `--config.loss.redundancy_weight`; a "
                "projector that is narrower than the data's variety demands can leave "
                "some, too.",
            ),
        ),
    )
