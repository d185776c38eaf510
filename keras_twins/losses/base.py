"""What a loss on the embeddings of two views is."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from keras_twins.losses import checks
from keras_twins.losses.levels import Levels
from keras_twins.types import Tensor


class PairLoss(keras.losses.Loss):
    """A loss of two embedding matrices that also names what it measures.

    A subclass gives `term_names` and `terms`. `Twins` logs the loss and one metric for
    each name; the report asks `levels` how they are read.

    Before `terms` is called, its arguments are converted to float32 and their shapes
    are checked. Inside a replica of a `tf.distribute` strategy they are the replica's
    shard; a subclass that reduces over the batch does so with
    `keras_twins.replicas.current()`, and its terms are those of the global batch.

    Args:
        name: str, by default made from the name of the class.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> from keras import ops
        >>> class Distance(kt.losses.PairLoss):
        ...     term_names = ("invariance", "spread")
        ...
        ...     def terms(self, z_a, z_b):
        ...         invariance = ops.mean(ops.square(z_a - z_b))
        ...         spread = ops.mean(ops.std(z_a, axis=0))
        ...         loss = invariance - spread
        ...         return {"loss": loss, "invariance": invariance, "spread": spread}
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> loss = Distance()
        >>> float(loss(z, z)), float(loss.terms(z, -z)["invariance"])
        (-1.0, 4.0)
    """

    term_names: ClassVar[tuple[str, ...]] = ()
    """Names of what is measured beside the loss, in the order in which it is logged."""

    most_views: ClassVar[int | None] = 2
    """How many views `view_terms` takes at most; None for any number."""

    predicts: ClassVar[bool] = False
    """Whether its first embeddings are predictions of its second ones, which are
    constants. Nothing but a predictor then keeps embeddings from being all the same."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "terms" in cls.__dict__:
            cls.terms = _of_float32_pairs(cls.terms)  # type: ignore[method-assign]

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name, reduction=None, dtype="float32")

    def call(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        return self.terms(z_a, z_b)["loss"]

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        """The loss with its terms, everything computed once.

        Args:
            z_a: `(batch_size, dim)`, embeddings of the first view, any float dtype.
            z_b: `(batch_size, dim)`, embeddings of the second view.

        Returns:
            Float32 scalars of the global batch: "loss" and each of `term_names`.

        Raises:
            ValueError: for inputs that are not matrices of one shape.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `terms`")

    def view_terms(self, views: Sequence[Tensor]) -> dict[str, Tensor]:
        """As `terms`, of all views of a batch.

        Args:
            views: `(z_a, z_b)`, and more where `most_views` allows it.

        Raises:
            ValueError: for more views than that, or other than matrices of one shape.
        """
        checks.check_count(type(self).__name__, self.most_views, len(views))
        return self.terms(*views)

    def levels(self, batch: int, width: int) -> Levels | None:
        """What unrelated and perfect views would give, for the report.

        Args:
            batch: int, N, the size of the global batch.
            width: int, D, of the embeddings that the loss is given.

        Returns:
            `Levels`, or None where a loss does not know them.
        """
        return None

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def _of_float32_pairs(terms: Callable) -> Callable:
    """`terms` with its arguments converted and checked: once, here, for all losses."""

    @functools.wraps(terms)
    def checked(self, z_a, z_b):
        pair = [ops.cast(ops.convert_to_tensor(z), "float32") for z in (z_a, z_b)]
        checks.check_pair(*pair)
        return terms(self, *pair)

    return checked
