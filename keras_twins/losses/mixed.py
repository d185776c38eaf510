"""The regulariser of Mixed Barlow Twins, beside a loss of the cross-correlation."""

from typing import Any

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, statistics
from keras_twins.losses.correlation import CorrelationLoss
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
    if not isinstance(loss, CorrelationLoss):
        raise ValueError(
            "Mixed images need a loss of the cross-correlation, whose features they "
            "share. Expected `keras_twins.losses.BarlowTwinsLoss` or `HSICLoss`. "
            f"Received: loss={loss}"
        )
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
