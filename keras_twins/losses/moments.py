"""Squared norms of `zᵀz`, `(D, D)`, of one view, from whichever matrix is smaller.

    ‖zᵀz‖²_F = Σᵢⱼ (zᵀz)²ᵢⱼ = Σₙₘ (z zᵀ)²ₙₘ

Either is a sum of squares. Without the diagonal it is one in the first form alone. From
the second, Σᵢ (zᵀz)²ᵢᵢ would have to be subtracted, which leaves few digits where one
feature is much larger than the others; `off_diagonal_squares` subtracts nothing.
"""

from keras import ops

from keras_twins import replicas
from keras_twins.losses import statistics


def squared_norm(form, z):
    """`‖zᵀz‖²_F` over the global batch, from a shard `(n, D)`, in one of the forms."""
    group = replicas.current()
    return statistics.in_form(
        form,
        z,
        lambda: group.total(ops.sum(ops.square(group.gram(z)))),
        lambda: ops.sum(ops.square(_products(z))),
    )


def off_diagonal_squares(form, z):
    """`Σᵢ≠ⱼ (zᵀz)²ᵢⱼ` over the global batch, from a shard `(n, D)`, likewise."""
    return statistics.in_form(
        form,
        z,
        lambda: _from_blocks(z),
        lambda: ops.sum(ops.square(_without_diagonal(_products(z)))),
    )


def _from_blocks(z):
    """The squares within blocks of at most N features, and those between blocks.

    Within a block they are entries of an `(N, N)` matrix, without its diagonal.
    Between a block and those before it they are `Σₙₘ (Σ z₁ z₁ᵀ)ₙₘ (z₂ z₂ᵀ)ₙₘ`, as in
    `keras_twins.losses.statistics`. Time O(N² D) and memory O(N D).
    """
    group = replicas.current()
    everyone = group.everyone(z)
    width = z.shape[1]
    count = -(-width // ops.shape(everyone)[0])
    block = -(-width // count)
    own, others = (_cut(x, count, block, width) for x in (z, everyone))
    within = ops.sum(ops.square(_without_diagonal(_products(own))))
    grams = ops.matmul(own, ops.swapaxes(others, 1, 2))
    # Not the sums with the block less the block: that would be a difference again.
    before = ops.cumsum(grams, axis=0)[:-1]
    return within + 2.0 * group.total(ops.sum(before * grams[1:]))


def _cut(z, count, block, width):
    """The features of `z` `(n, D)` in blocks, `(count, n, block)`, filled up with 0."""
    rows = ops.shape(z)[0]
    padded = ops.pad(z, [[0, 0], [0, count * block - width]])
    blocks = ops.reshape(padded, (rows, count, block))
    return ops.transpose(blocks, (1, 0, 2))


def _products(z):
    """`zᵀz` over the global batch, `(..., D, D)`, from a shard `(..., n, D)`."""
    return replicas.current().total(ops.matmul(ops.swapaxes(z, -2, -1), z))


def _without_diagonal(matrices):
    """`(..., D, D)` with zeros on the diagonal."""
    return matrices * (1.0 - ops.eye(ops.shape(matrices)[-1], dtype="float32"))
