"""What a step says of a batch of embeddings, at the price of one matrix product."""

from keras import ops

from keras_twins.types import Tensor

NAMES = ("embedding_std", "participation_ratio")

# Below a hundredth of the embeddings' length, what differs is the rounding of 16 bits.
_LEAST_VARIANCE = 1e-4


def measure(embeddings: Tensor) -> dict[str, Tensor]:
    """The diagnostics of a batch by their names.

    Args:
        embeddings: `(batch_size, dim)`, float32, of the global batch.

    Returns:
        A float32 scalar for each of `NAMES`.
    """
    return {
        "embedding_std": embedding_std(embeddings),
        "participation_ratio": participation_ratio(embeddings),
    }


def embedding_std(embeddings: Tensor) -> Tensor:
    """Mean deviation of a feature of the L2-normalised embeddings, times √dim.

    Args:
        embeddings: `(batch_size, dim)`, float32.

    Returns:
        Scalar: 1 where the embeddings spread evenly over the sphere, 0 where all are
        the same.
    """
    lengths = ops.sqrt(ops.sum(ops.square(embeddings), axis=1, keepdims=True))
    normalised = embeddings / ops.maximum(lengths, 1e-6)
    return ops.mean(ops.std(normalised, axis=0)) * embeddings.shape[1] ** 0.5


def participation_ratio(embeddings: Tensor) -> Tensor:
    """Over how many directions the embeddings of a batch extend.

    Formula: `tr(G)² / ‖G‖²_F = (Σᵢ λᵢ)² / Σᵢ λᵢ²` with G the Gram matrix of the
    embeddings less their mean, and λᵢ its eigenvalues (Gao et al., "A theory of
    multineuronal dimensionality, dynamics and measurement", 2017). The mean is taken
    away because features behind a ReLU are positive: their mean is the longest
    direction of any batch, healthy or not.

    It is below the effective rank of `keras_twins.evaluation`, which needs singular
    values; both count equal directions as one each.

    Args:
        embeddings: `(batch_size, dim)`, float32.

    Returns:
        Scalar between 1 and min(batch_size - 1, dim): 1 where the embeddings have
        collapsed to a line or a point. Deviations of less than a hundredth of the
        embeddings' length make a point.
    """
    centred = embeddings - ops.mean(embeddings, axis=0)
    spread, length = ops.sum(ops.square(centred)), ops.sum(ops.square(embeddings))
    centred = centred / ops.sqrt(ops.maximum(spread, 1e-30))  # so that tr(G) = 1
    rows, width = embeddings.shape
    # Both matrices have the same norm; the number of rows may not be known yet.
    if rows is not None and rows < width:
        gram = ops.matmul(centred, ops.transpose(centred))
    else:
        gram = ops.matmul(ops.transpose(centred), centred)
    ratio = 1.0 / ops.maximum(ops.sum(ops.square(gram)), 1e-30)
    return ops.where(spread > _LEAST_VARIANCE * length, ratio, 1.0)
