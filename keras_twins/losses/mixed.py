"""The regulariser of Mixed Barlow Twins, alone and beside a loss."""

from typing import Any

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, statistics
from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.statistics import Ddof, Form
from keras_twins.types import Tensor


def mixed_regulariser(
    z_a: Tensor,
    z_b: Tensor,
    z_mixed: Tensor,
    alpha: Tensor,
    permutation: Tensor,
    eps: float = 0.0,
    ddof: Ddof = 1,
    form: Form = "auto",
) -> Tensor:
    """How far embeddings of mixed images are from the mixture of the embeddings.

    Formula: `‖C(m, a) − α C(a, a) − (1 − α) C(b_π, a)‖²_F` and the same with b for the
    second argument, with m the embeddings of images `α a + (1 − α) b_π` (Bandara et
    al., arXiv 2312.02151, as in the authors' code). With `R = m − α a − (1 − α) b_π` it
    is `Σ (R Rᵀ) ∘ (a aᵀ + b bᵀ) / N²`: three Gram matrices, of which nothing is
    subtracted. The loss adds it to that of Barlow Twins, times a scale and λ.

    Args:
        z_a: `(batch_size, dim)`, embeddings of the first view, any float dtype.
        z_b: `(batch_size, dim)`, embeddings of the second view.
        z_mixed: `(batch_size, dim)`, embeddings of the mixed images.
        alpha: float or scalar tensor, α, 0 to 1, the same on all replicas.
        permutation: `(batch_size,)` integers, π: the row of the second view that each
            row was mixed with. Inside a replica, of its own rows.
        eps: float. Added to the variances, under the root.
        ddof: int. Variances are divided by `N - ddof`.
        form: `"gram"`, `"correlation"` or `"auto"`: which matrix is built, `(N, N)` or
            `(D, D)`; see `keras_twins.losses.statistics.choose_form`.

    Returns:
        A float32 scalar, 0 or more, of the global batch. As for replicas, the words of
        `keras_twins.losses.CorrelationLoss` hold here too.

    Raises:
        ValueError: for inputs that are not matrices of one shape with two rows or more.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> same = np.arange(4)
        >>> float(kt.losses.mixed_regulariser(z, z, z, 0.3, same))
        0.0
        >>> float(kt.losses.mixed_regulariser(z, z, -z, 0.5, same, ddof=0))  # R = −2 z
        16.0
    """
    checks.check_choice(statistics.FORMS, form=form)
    views = (z_a, z_b, z_mixed)
    a, b, rest, n = _standardised(views, alpha, permutation, eps, ddof)

    def from_gram():
        gram_a, gram_b, gram_rest = map(replicas.current().gram, (a, b, rest))
        return statistics.gram_product(gram_rest, gram_a + gram_b, n)

    return statistics.in_form(
        form, a, from_gram, lambda: _from_correlation(rest, a, b, n)
    )


def mixed_terms(
    loss: Any,
    z_a: Tensor,
    z_b: Tensor,
    z_mixed: Tensor,
    alpha: Tensor,
    permutation: Tensor,
    scale: float,
) -> dict[str, Tensor]:
    """The terms of a loss and the regulariser, from the same three Gram matrices.

    Args:
        loss: `CorrelationLoss`, whose λ, eps, ddof and form apply.
        z_a: as of `mixed_regulariser`.
        z_b: as of `mixed_regulariser`.
        z_mixed: as of `mixed_regulariser`.
        alpha: as of `mixed_regulariser`.
        permutation: as of `mixed_regulariser`.
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
    views = (z_a, z_b, z_mixed)
    a, b, rest, n = _standardised(views, alpha, permutation, loss.eps, loss.ddof)

    def from_gram():
        gram_a, gram_b, gram_rest = map(replicas.current().gram, (a, b, rest))
        terms = loss.from_gram(a, b, n, statistics.gram_product(gram_a, gram_b, n))
        mixed = statistics.gram_product(gram_rest, gram_a + gram_b, n)
        return terms | {"mixed": mixed}

    def from_correlation():
        terms = loss.from_correlation(a, b, n)
        return terms | {"mixed": _from_correlation(rest, a, b, n)}

    terms = statistics.in_form(loss.form, a, from_gram, from_correlation)
    regulariser = scale * loss.redundancy_weight * terms["mixed"]
    return terms | {
        "loss": terms["loss"] + regulariser,
        "mixed": ops.stop_gradient(terms["mixed"]),
    }


def _standardised(views, alpha, permutation, eps, ddof):
    """`(a, b, R, N)`: standardised shards, what mixing leaves, and the batch's size."""
    views = [ops.convert_to_tensor(z) for z in views]
    checks.check_views(views)
    a, b, mixed, n = statistics.standardise(views, eps, ddof)
    alpha = ops.cast(alpha, "float32")
    rest = mixed - alpha * a - (1.0 - alpha) * ops.take(b, permutation, axis=0)
    return a, b, rest, n


def _from_correlation(rest, a, b, n):
    matrices = (statistics.correlation_matrix(rest, z, n) for z in (a, b))
    return sum(ops.sum(ops.square(matrix)) for matrix in matrices)
