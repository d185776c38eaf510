"""What a loss on the embeddings of any number of views is."""

from collections.abc import Sequence
from typing import ClassVar

from keras import ops

from keras_twins.losses import checks
from keras_twins.losses.base import PairLoss
from keras_twins.losses.levels import Levels
from keras_twins.types import Tensor


class ViewsLoss(PairLoss):
    """A `PairLoss` that takes two views or more.

    A subclass gives `term_names` and `of_views`, of which `terms` is the case of two.
    """

    most_views: ClassVar[int | None] = None

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        return self.of_views([z_a, z_b])

    def view_terms(self, views: Sequence[Tensor]) -> dict[str, Tensor]:
        """As `terms`, of any number of views.

        Args:
            views: two or more `(batch_size, dim)`, the embeddings of each view, any
                float dtype.

        Returns:
            Float32 scalars of the global batch: "loss" and each of `term_names`.

        Raises:
            ValueError: for less than two views, or other than matrices of one shape.
        """
        views = [ops.cast(ops.convert_to_tensor(z), "float32") for z in views]
        checks.check_views(views)
        return self.of_views(views)

    def of_views(self, views: list[Tensor]) -> dict[str, Tensor]:
        """What `view_terms` returns, of float32 matrices of one shape.

        Args:
            views: two or more `(batch_size, dim)`, this replica's shards.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `of_views`")

    def levels(self, batch: int, width: int, views: int = 2) -> Levels | None:
        """As of `PairLoss`, of any number of views.

        Args:
            batch: int, N, the size of the global batch.
            width: int, D, of the embeddings that the loss is given.
            views: int, V, of each image.
        """
        return None
