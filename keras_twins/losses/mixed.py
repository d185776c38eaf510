"""The regulariser of Mixed Barlow Twins."""

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, statistics
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
    subtracted. The method adds it to the loss of Barlow Twins, times a scale and λ.

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
    views = [ops.convert_to_tensor(z) for z in (z_a, z_b, z_mixed)]
    checks.check_views(views)
    a, b, n = statistics.standardise(views[0], views[1], eps, ddof)
    mixed, *_ = statistics.standardise(views[2], views[2], eps, ddof)
    alpha = ops.cast(alpha, "float32")
    partners = ops.take(b, permutation, axis=0)
    rest = mixed - alpha * a - (1.0 - alpha) * partners
    return statistics.in_form(
        form,
        a,
        lambda: _from_gram(rest, a, b, n),
        lambda: _from_correlation(rest, a, b, n),
    )


def _from_gram(rest, a, b, n):
    group = replicas.current()
    products = group.gram(rest) * (group.gram(a) + group.gram(b))
    return group.total(ops.sum(products)) / ops.square(n)


def _from_correlation(rest, a, b, n):
    matrices = (statistics.correlation_matrix(rest, z, n) for z in (a, b))
    return sum(ops.sum(ops.square(matrix)) for matrix in matrices)
