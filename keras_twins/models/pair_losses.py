"""Any loss of two embedding matrices in the form in which `Twins` asks for it."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_twins import replicas
from keras_twins.losses import PairLoss, checks
from keras_twins.types import Tensor


class OtherLoss:
    """A loss that knows nothing of terms or replicas, such as one of Keras's.

    Over several replicas it is the mean over the samples of all of them; what it
    computes of a whole batch, a covariance for instance, is of each replica's shard.

    Args:
        loss: `keras.losses.Loss` or function of `(z_a, z_b)` that gives one number, or
            one per sample.
    """

    term_names: tuple[str, ...] = ()
    most_views = 2

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._loss = loss

    def view_terms(self, views: Sequence[Tensor]) -> dict[str, Tensor]:
        checks.check_count("A loss of `(z_a, z_b)`", self.most_views, len(views))
        return self.terms(*views)

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        loss = self._loss
        if not isinstance(loss, keras.losses.Loss):
            return {"loss": batch_mean(loss(z_a, z_b), z_a)}
        # `call`, since Keras's `__call__` divides what is one number per sample, and
        # only that, by the number of replicas.
        z_a, z_b = (ops.cast(z, loss.dtype) for z in (z_a, z_b))
        values = loss.call(z_a, z_b)
        if loss.reduction == "sum":
            return {"loss": replicas.current().total(ops.sum(values))}
        return {"loss": batch_mean(values, z_a)}


def as_pair_loss(loss: Any) -> Any:
    """What `Twins.compile` was given as a loss, with `term_names` and `terms`.

    Args:
        loss: loss of `keras_twins.losses`, `keras.losses.Loss` or function.

    Returns:
        The same loss, or an `OtherLoss`, which has `view_terms` and `most_views` too.

    Raises:
        ValueError: for None, a name, a class, or several losses.
    """
    if isinstance(loss, PairLoss):
        return loss
    if callable(loss) and not isinstance(loss, type):
        return OtherLoss(loss)
    raise ValueError(
        "Invalid value for argument `loss`. Expected one loss of two batches of "
        "projections: an instance such as `keras_twins.losses.BarlowTwinsLoss()`, a "
        "`keras.losses.Loss` or a function of `(z_a, z_b)`. "
        f"Received: loss={loss!r}"
    )


def both_ways(
    pair_loss: Any, online: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor]
) -> dict[str, Tensor]:
    """The mean terms of each view and the other one's target.

    Args:
        pair_loss: what `as_pair_loss` gives.
        online: `(p_a, p_b)`, each `(batch_size, D)`, which are trained.
        targets: `(t_a, t_b)`, which are compared with them. No gradient passes them.

    Returns:
        The terms of `pair_loss`.
    """
    (p_a, p_b), (t_a, t_b) = online, map(ops.stop_gradient, targets)
    one, other = pair_loss.terms(p_a, t_b), pair_loss.terms(p_b, t_a)
    return {name: 0.5 * (one[name] + other[name]) for name in one}


def batch_mean(values: Tensor, rows: Tensor) -> Tensor:
    """The mean over the global batch, of which each replica holds some rows.

    The value is the same on all replicas; the gradient is this replica's share.

    Args:
        values: one number per row, or the mean over this replica's rows.
        rows: `(batch_size, ...)`, any tensor with one row per row of this replica.

    Returns:
        float32 scalar.
    """
    group = replicas.current()
    count = ops.cast(ops.shape(rows)[0], "float32")
    values = ops.cast(values, "float32")
    # A sum of no rows is 0, where a mean would not be a number.
    share = ops.sum(values) if len(values.shape) else values * count
    return group.total(share / group.sum(count))
