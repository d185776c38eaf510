"""Twins that see mixed images as well."""

from typing import Any

import keras
from keras import ops

from keras_twins.losses import checks, draws
from keras_twins.losses.mixed import mixed_terms
from keras_twins.models.batches import Pair
from keras_twins.models.twins import Twins
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class MixedTwins(Twins):
    """Mixed Barlow Twins: the embedding of mixed images is the mix of embeddings.

    A third pass sees `α x_a + (1 − α) x_b_π`, where α is uniform in 0..1 in each batch
    and π gives each image a partner (Bandara et al., arXiv 2312.02151). It costs half
    as much again as the two others. `keras_twins.losses.mixed.mixed_terms` has the
    formula of the regulariser, which `fit` logs as `mixed`.

    Both are drawn from `seed` and the number of the batch, which is saved with the
    weights. All replicas have one α, and partners are rows of one shard. The loss and
    its gradient are those of the global batch with these partners; another number of
    replicas draws others.

    The paper's loss for CIFAR-10 is `BarlowTwinsLoss(1 / 128, eps=0, ddof=1)`.

    Args:
        encoder: as of `Twins`.
        projector: as of `Twins`.
        views: as of `Twins`.
        mixing_scale: float, 0 or more, s: the regulariser counts s λ in the loss, with
            the λ of the loss. The paper's is 4 on CIFAR, 2 on STL-10.
        seed: int.
        **kwargs: as of `keras.Model`.

    Raises:
        ValueError: as of `Twins`, for a negative scale, or a predictor or momentum.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> model = kt.models.MixedTwins(encoder, kt.models.projector(16, (64, 64)))
        >>> model.compile("adam", loss=kt.losses.BarlowTwinsLoss(1 / 128))
        >>> pair = np.random.default_rng(0).normal(size=(2, 64, 16, 16, 3))
        >>> sorted(model.train_on_batch(tuple(pair), return_dict=True))[2:5]
        ['mixed', 'off_diagonal', 'on_diagonal']
    """

    MIXING_SCALE = 4.0
    """The paper's on CIFAR."""

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model,
        views: keras.Layer | None = None,
        mixing_scale: float = MIXING_SCALE,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        for name in ("predictor", "momentum"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"`MixedTwins` has no {name}: its two sides are alike. Expected "
                    f"None. Received: {name}={kwargs[name]!r}"
                )
        if not mixing_scale >= 0:
            raise ValueError(
                "Invalid value for argument `mixing_scale`. Expected a number >= 0. "
                f"Received: mixing_scale={mixing_scale}"
            )
        super().__init__(encoder, projector, views, **kwargs)
        self.mixing_scale = mixing_scale
        self.seed = seed

    @property
    def term_names(self) -> tuple[str, ...]:
        return (*super().term_names, "mixed")

    def mixing(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """What is mixed in the running batch.

        Args:
            rows: integer scalar, those of this replica.

        Returns:
            `(alpha, partners)`: the share of each first view, a float32 scalar in 0..1,
            and the row of the second view that it is mixed with, `(rows,)` integers.
        """
        alpha = draws.uniform((), 1.0, self.seed, "alpha")
        order = draws.uniform((rows,), 1.0, self.seed, "partners")
        return alpha, ops.argsort(order)

    def batch_terms(
        self, pair: Pair, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        checks.check_count("MixedTwins", 2, len(pair.views))
        view_a, view_b = (ops.cast(view, "float32") for view in pair.views)
        alpha, partners = self.mixing(ops.shape(view_a)[0])
        mixed = alpha * view_a + (1.0 - alpha) * ops.take(view_b, partners, axis=0)
        h_a, h_b, h_m = (
            self.encoder(x, training=training) for x in (view_a, view_b, mixed)
        )
        z_a, z_b, z_m = (self.projector(h, training=training) for h in (h_a, h_b, h_m))
        loss, scale = self.pair_loss, self.mixing_scale
        return h_a, mixed_terms(loss, z_a, z_b, z_m, alpha, partners, scale)

    def get_config(self) -> dict[str, Any]:
        own = {"mixing_scale": self.mixing_scale, "seed": self.seed}
        return super().get_config() | own
