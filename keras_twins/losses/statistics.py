"""Standardised embeddings and what is computed from them, over the global batch.

With `a` and `b` the `(N, D)` embeddings of two views, each feature standardised over
the N rows, `C = aᵀ b / N` is their `(D, D)` cross-correlation matrix. Its squared
Frobenius norm is the Hilbert-Schmidt independence criterion of the views with a linear
kernel (arXiv 2104.13712), and is computed from either of two matrices:

    ‖C‖²_F = Σᵢⱼ Cᵢⱼ²                              `(D, D)`, O(N D²) time
           = Σₙₘ (a aᵀ)ₙₘ (b bᵀ)ₙₘ / N²            `(N, N)`, O(N² D) time

The same duality of covariance and Gram norms is used as theory by Garrido et al.
(arXiv 2206.02574); Skean et al. (arXiv 2310.02903) choose the smaller matrix for an
objective of their own.
"""

from typing import Literal, TypeAlias, get_args

from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks
from keras_twins.types import Tensor

Ddof: TypeAlias = Literal[0, 1]
Form: TypeAlias = Literal["auto", "gram", "correlation"]
FORMS = get_args(Form)

# The least normal float32: a square below has no digits left, or no inverse root.
_LEAST_SQUARE = 1.1754944e-38

# Up to this width the (D, D) matrix takes 16 MB: affordable where N is not known.
_AFFORDABLE_WIDTH = 2048


def standardise(views, eps, ddof):
    """Standardises each feature of the views over the global batch.

    Args:
        views: `(n, D)` each, this replica's shards of the views, of any float dtype.
        eps: float. Added to the variance, under the root.
        ddof: int. The variance is divided by `N - ddof`.

    Returns:
        `(*standardised, N)`: the standardised shards, float32, in which a feature
        without variance is 0, and the size of the global batch, a float32 scalar.
    """
    *centred, n = centre(*views)
    squares = _reduced_sums(replicas.current(), [ops.square(z) for z in centred])
    scales = inverse_root(squares / (n - ddof) + eps)
    return *(z * scales[i] for i, z in enumerate(centred)), n


def centre(*views):
    """Subtracts the mean over the global batch from each feature of the views.

    The mean and the centred second moment are reduced one after the other: the
    textbook shortcut E[z²] − E[z]² loses all its digits where |mean| ≫ deviation.

    Both are taken of the differences from one row of the batch. The mean of N equal
    numbers is off by a rounding error that grows with N and would be taken for a
    deviation; the differences of a constant feature are exact zeros, as are their mean
    and variance, in whatever order they are summed. A row of the batch is no further
    than √N deviations from the mean, so that other features lose no digits.

    Args:
        *views: `(n, D)` each, this replica's shards of the views, of any float dtype.

    Returns:
        `(*centred, N)`: the centred shards, float32, and the size of the global batch,
        a float32 scalar.
    """
    checks.check_rows(views[0], "A correlation over the batch")
    group = replicas.current()
    views = [ops.cast(z, "float32") for z in views]
    n = count_rows(views[0])
    reference = _first_row(group, views)
    shifted = [z - reference[i] for i, z in enumerate(views)]
    means = _reduced_sums(group, shifted) / n
    return *(z - means[i] for i, z in enumerate(shifted)), n


def count_rows(z):
    """The size of the global batch, a float32 scalar, of which `z` is a shard."""
    return replicas.current().sum(ops.cast(ops.shape(z)[0], "float32"))


def inverse_root(squares):
    """`1 / √squares`; 0 where they are 0, or so small that they have no digits."""
    positive = squares >= _LEAST_SQUARE
    return ops.where(positive, ops.rsqrt(ops.where(positive, squares, 1.0)), 0.0)


def _first_row(group, views):
    """The global batch's first row of all views, `(V, D)`, the same on all replicas.

    What is computed does not depend on the row, so that it needs no gradient.
    """
    return group.gather(ops.stack([z[:1] for z in views], axis=1))[0]


def _reduced_sums(group, views):
    """Sums of all views' features over all replicas, `(V, D)`, in one exchange."""
    return group.sum(ops.stack([ops.sum(z, axis=0) for z in views]))


def correlation_matrix(a, b, n):
    """`C = aᵀ b / N` of standardised shards, `(D, D)`.

    Over R replicas the `(D, D)` matrices are all-reduced.
    """
    product = ops.matmul(ops.transpose(a), b)
    return replicas.current().total(product) / n


def gram_squared_norm(a, b, n):
    """`‖C‖²_F` from the `(N, N)` Gram matrices of the two views.

    Over R replicas the `(N, D)` embeddings are gathered, and each replica computes its
    own rows of both Gram matrices: `2 N D` numbers are moved instead of `D²`.

    Σ (a aᵀ) ∘ (b bᵀ) is taken through `gram`, whose gradient of any order is right and
    costs one matrix product for each of the two where autodiff would take two.
    """
    group = replicas.current()
    return gram_product(group.gram(a), group.gram(b), n)


def gram_product(gram_a, gram_b, n):
    """`Σₙₘ (a aᵀ)ₙₘ (b bᵀ)ₙₘ / N²` from this shard's rows of both, `(n, N)` each."""
    product = ops.sum(gram_a * gram_b)
    return replicas.current().total(product) / ops.square(n)


def choose_form(form, n, width):
    """The form to compute: "gram", "correlation", or None to decide at run time.

    With its gradient, the correlation form takes 6 N D² floating-point operations and
    the Gram form 8 N² D, so that the latter is cheaper up to N = ¾ D. Rounding asks for
    more: Σᵢ≠ⱼ Cᵢⱼ² is then a difference, ‖C‖²_F − Σᵢ Cᵢᵢ², of which nothing is lost as
    long as C cannot come near the identity; its rank is at most N, hence
    ‖C‖²_F ≥ (Σᵢ Cᵢᵢ)² / N, and for N ≤ D / 2 the difference is no smaller than what is
    subtracted. So: "gram" if and only if 2 N ≤ D.

    Args:
        form: one of `FORMS`.
        n: int, the size of the global batch, or None where it is not known.
        width: int, D.
    """
    if form != "auto":
        return form
    if n is not None:
        return "gram" if 2 * n <= width else "correlation"
    if replicas.current().count == 1:
        return None
    # Replicas cannot communicate inside a branch that is chosen at run time.
    return "correlation" if width <= _AFFORDABLE_WIDTH else "gram"


def in_form(form, a, gram, correlation):
    """Calls `gram()` or `correlation()`, as `choose_form` has it for `a` `(n, D)`."""
    shard = a.shape[0]
    n = None if shard is None else shard * replicas.current().count
    chosen = choose_form(form, n, a.shape[1])
    if chosen is None:
        return ops.cond(2 * ops.shape(a)[0] <= a.shape[1], gram, correlation)
    return gram() if chosen == "gram" else correlation()


def cross_correlation(
    z_a: Tensor, z_b: Tensor, eps: float = 1e-5, ddof: Ddof = 0
) -> Tensor:
    """The cross-correlation matrix of two views' embeddings.

    Formula: `C = aᵀ b / N`, with `a` and `b` the standardised embeddings (Barlow Twins,
    arXiv 2103.03230, equation 2). With `ddof=1` the diagonal tops out at (N − 1) / N,
    as in the code of arXiv 2104.13712.

    Args:
        z_a: `(batch_size, dim)`, embeddings of the first view, any float dtype.
        z_b: `(batch_size, dim)`, embeddings of the second view.
        eps: float. Added to the variances, under the root.
        ddof: int. 0 for the biased variance, 1 for the unbiased one.

    Returns:
        `(dim, dim)` float32, entries in -1..1. Inside a replica of a `tf.distribute`
        strategy, the matrix of the global batch.

    Raises:
        ValueError: for inputs that are not matrices of one shape with two rows or more.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> np.array(kt.losses.cross_correlation(z, z[:, ::-1], eps=0.0))
        array([[0., 1.],
               [1., 0.]], dtype=float32)
    """
    z_a, z_b = ops.convert_to_tensor(z_a), ops.convert_to_tensor(z_b)
    checks.check_pair(z_a, z_b)
    return correlation_matrix(*standardise((z_a, z_b), eps, ddof))


def linear_hsic(z_a: Tensor, z_b: Tensor, eps: float = 1e-5, ddof: Ddof = 0) -> Tensor:
    """Linear-kernel HSIC of two views: the squared Frobenius norm of C.

    Formula: `Σᵢⱼ Cᵢⱼ² = Σ (a aᵀ) ∘ (b bᵀ) / N²` (arXiv 2104.13712, section 3), computed
    from the smaller matrix.

    Args:
        z_a: `(batch_size, dim)`, embeddings of the first view, any float dtype.
        z_b: `(batch_size, dim)`, embeddings of the second view.
        eps: float. Added to the variances, under the root.
        ddof: int. 0 for the biased variance, 1 for the unbiased one.

    Returns:
        A float32 scalar, 0 or more: how much the two views depend on each other.

    Raises:
        ValueError: for inputs that are not matrices of one shape with two rows or more.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> float(kt.losses.linear_hsic(z, z, eps=0.0))  # C is the identity
        2.0
    """
    z_a, z_b = ops.convert_to_tensor(z_a), ops.convert_to_tensor(z_b)
    checks.check_pair(z_a, z_b)
    a, b, n = standardise((z_a, z_b), eps, ddof)
    return in_form(
        "auto",
        a,
        lambda: gram_squared_norm(a, b, n),
        lambda: ops.sum(ops.square(correlation_matrix(a, b, n))),
    )
