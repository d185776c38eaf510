"""The regulariser of Mixed Barlow Twins, beside a loss of the cross-correlation."""

import dataclasses
from typing import Any

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, statistics
from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.types import Tensor


def mixed_terms(
    loss: Any,
    z_a: Tensor,
    z_b: Tensor,
    z_m: Tensor,
    alpha: Tensor,
    partners: Tensor,
    scale: float,
) -> dict[str, Tensor]:
    """The terms of a loss of two views, and that of their mixed images.

    Formula of the latter: `‖C(m, a) − α C(a, a) − (1 − α) C(b_π, a)‖²_F`, and the same
    with `b` for `a`, where `C(x, y) = xᵀ y / N` and `b_π` are the partners' embeddings
    (Bandara et al., arXiv 2312.02151, as in the authors' code). With
    `R = m − α a − (1 − α) b_π` it is `Σ (R Rᵀ) ∘ (a aᵀ + b bᵀ) / N²`: one Gram matrix
    more than the loss has, or two matrices `Rᵀ a` and `Rᵀ b`. Neither form subtracts
    one sum from another.

    Args:
        loss: `CorrelationLoss`, whose λ, eps, ddof and form apply.
        z_a: `(batch_size, dim)`, embeddings of the first view, any float dtype.
        z_b: `(batch_size, dim)`, embeddings of the second view.
        z_m: `(batch_size, dim)`, embeddings of the images `α x_a + (1 − α) x_b_π`.
        alpha: scalar in 0..1, the share of the first view, the same on all replicas.
        partners: `(batch_size,)` integers, π: the row of this shard that each is mixed
            with.
        scale: float, 0 or more: the regulariser counts `scale * λ` in the loss.

    Returns:
        Float32 scalars of the global batch: "loss", each of the loss's `term_names`,
        and "mixed", the regulariser without its weight.

    Raises:
        ValueError: for another loss, or other than three matrices of one shape.
    """
    check_loss(loss)
    views = [ops.cast(ops.convert_to_tensor(z), "float32") for z in (z_a, z_b, z_m)]
    checks.check_views(views)
    a, b, m, n = statistics.standardise(views, loss.eps, loss.ddof)
    residual = m - alpha * a - (1.0 - alpha) * ops.take(b, partners, axis=0)

    def from_gram():
        gram_a, gram_b, gram_r = map(replicas.current().gram, (a, b, residual))
        squared_norm = statistics.gram_product(gram_a, gram_b, n)
        terms = loss.from_gram(a, b, n, squared_norm)
        return terms | {"mixed": statistics.gram_product(gram_r, gram_a + gram_b, n)}

    def from_correlation():
        matrices = [statistics.correlation_matrix(residual, z, n) for z in (a, b)]
        mixed = sum(ops.sum(ops.square(matrix)) for matrix in matrices)
        return loss.from_correlation(a, b, n) | {"mixed": mixed}

    terms = statistics.in_form(loss.form, a, from_gram, from_correlation)
    regulariser = scale * loss.redundancy_weight * terms["mixed"]
    return terms | {
        "loss": terms["loss"] + regulariser,
        "mixed": ops.stop_gradient(terms["mixed"]),
    }


def check_loss(loss: Any) -> None:
    """Raises ValueError for a loss that mixed images cannot be added to."""
    if not isinstance(loss, CorrelationLoss):
        raise ValueError(
            "Mixed images need a loss of the cross-correlation, whose features they "
            "share. Expected `keras_twins.losses.BarlowTwinsLoss` or `HSICLoss`. "
            f"Received: loss={loss}"
        )


def mixed_levels(loss: CorrelationLoss, scale: float, batch: int, width: int) -> Levels:
    """What unrelated and perfect views would give, with their mixed images.

    Of unrelated embeddings `C(m, a)`, `C(a, a)` and `C(b_π, a)` have D²/N squares each
    by chance, and `C(a, a)` has D more on its diagonal. The means of α² and of
    (1 − α)² are 1/3. Perfect embeddings of mixed images leave nothing.

    Args:
        loss: as of `mixed_terms`.
        scale: as of `mixed_terms`.
        batch: int, N, the size of the global batch.
        width: int, D.
    """
    levels = loss.levels(batch, width)
    chance = 10.0 / 3.0 * width**2 / batch + width / 3.0
    weight = scale * loss.redundancy_weight
    return dataclasses.replace(
        levels,
        unrelated=levels.unrelated + weight * chance,
        settings=f"{levels.settings}, mixed images at {scale:g} λ",
        terms=levels.terms | {"mixed": _mixed(chance)},
    )


def _mixed(chance):
    return Term(
        title="Mixing",
        measure="regulariser of mixed images",
        note="0 is perfect; unrelated embeddings give (10 D²/N + D)/3",
        unrelated=chance,
        perfect=0.0,
        good=0.1 * chance,
        poor=0.5 * chance,
        sentence=(
            "The regulariser of mixed images is {value:.3g}, {times:.2f} times the "
            "{unrelated:.3g} of unrelated embeddings (0 is perfect)"
        ),
        verdicts=(
            Verdict("good", "a mixed image has the mix of the embeddings"),
            Verdict("note", "embeddings mix in good part", "More epochs usually help."),
            Verdict(
                "warning",
                "embeddings hardly mix",
                "Train longer, or raise `--config.model.mixing_scale`.",
            ),
        ),
    )
