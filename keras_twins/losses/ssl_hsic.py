"""The loss of SSL-HSIC."""

import math
from typing import Any, Literal, TypeAlias, get_args

import keras
from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, draws, rows, statistics, verdicts
from keras_twins.losses.levels import Levels, Term
from keras_twins.losses.views import ViewsLoss
from keras_twins.types import Tensor

Kernel: TypeAlias = Literal["exact", "random_features"]
KERNELS = get_args(Kernel)

# A square of a distance comes out a rounding error below 0; down to −1 the kernel can
# bear it, in units of the square of its scale.
_LEAST_SQUARE = -0.5


@keras.saving.register_keras_serializable(package="keras_twins")
class SSLHSICLoss(ViewsLoss):
    """SSL-HSIC: embeddings that depend on the image, and on nothing else.

    Formula: `γ √HSIC(Z, Z) − HSIC(Z, Y)` of unit rows with the inverse multiquadric
    kernel `k = c / √(c² + r²)` and Y the image that a row is a view of (Li et al.,
    arXiv 2106.08320, and its code). Of V views,

        HSIC(Z, Y) = mean of k over two views of an image − mean of k over all rows
        HSIC(Z, Z) = ‖H K H‖²_F / (N V)²

    with H the centring matrix. γ and c are the paper's; c stays as it is, where the
    paper's code learns it beside.

    With the exact kernel all comes from the distances of rows: time O(N² D), nothing is
    drawn. With `kernel="random_features"` it comes from S cosines of each row, as in
    the paper's code, which draws two sets of them anew in each step: time O(N D S).
    There `HSIC(Z, Y)` is larger by 1 / (V − 1), as the code leaves in k of a view with
    itself. See `keras_twins.losses.SIGRegLoss` for steps and replicas.

    Its terms are the two HSIC.

    Args:
        regularisation_weight: float, γ, 0 or more.
        kernel: `"exact"` or `"random_features"`.
        kernel_scale: float, c, more than 0.
        features: int, S, 1 or more. Only of random features.
        seed: int. Only of random features.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 0.0], [-1.0, 0.0]])
        >>> terms = kt.losses.SSLHSICLoss(kernel_scale=1.5).terms(z, z)
        >>> {name: round(float(value), 6) for name, value in terms.items()}
        {'loss': 0.4, 'hsic_zy': 0.2, 'hsic_zz': 0.04}
    """

    term_names = ("hsic_zy", "hsic_zz")

    def __init__(
        self,
        regularisation_weight: float = 3.0,
        kernel: Kernel = "exact",
        kernel_scale: float = 1.0,
        features: int = 512,
        seed: int = 0,
        name: str = "ssl_hsic_loss",
    ) -> None:
        checks.check_weights(regularisation_weight=regularisation_weight)
        checks.check_choice(KERNELS, kernel=kernel)
        checks.check_positive(kernel_scale=kernel_scale, features=features)
        super().__init__(name=name)
        self.regularisation_weight = regularisation_weight
        self.kernel = kernel
        self.kernel_scale = kernel_scale
        self.features = features
        self.seed = seed

    def of_views(self, views: list[Tensor]) -> dict[str, Tensor]:
        checks.check_rows(views[0], "HSIC")
        units = [rows.unit_rows(z) for z in views]
        n = statistics.count_rows(units[0])
        measure = self._exact if self.kernel == "exact" else self._from_features
        hsic_zy, hsic_zz = measure(units, n)
        # The root of 0, of rows that are all the same, has no derivative.
        positive = hsic_zz > 0.0
        root = ops.where(positive, ops.sqrt(ops.where(positive, hsic_zz, 1.0)), 0.0)
        return {
            "loss": self.regularisation_weight * root - hsic_zy,
            "hsic_zy": ops.stop_gradient(hsic_zy),
            "hsic_zz": ops.stop_gradient(hsic_zz),
        }

    def _exact(self, units, n):
        """Of k − 1, since both HSIC are the same for it, and it keeps its digits."""
        group = replicas.current()
        count = n * len(units)
        pairs = [
            ops.sum(ops.square(a - b), axis=1)
            for index, a in enumerate(units)
            for b in units[:index]
        ]
        within = sum(self._less_one(squares) for squares in pairs) / len(pairs)
        kernel = self._less_one(_squared_distances(ops.concatenate(units), count))
        own_means = ops.sum(kernel, axis=1) / count
        mean = group.sum(ops.sum(own_means)) / count
        centred = kernel - own_means[:, None] - group.everyone(own_means) + mean
        norm = group.total(ops.sum(ops.square(centred)))
        hsic_zy = rows.batch_mean(within, n) - rows.batch_mean(own_means, count)
        return hsic_zy, norm / ops.square(count)

    def _less_one(self, squares):
        """`c / √(c² + r²) − 1` of r², without subtracting 1."""
        ratio = ops.maximum(squares / self.kernel_scale**2, _LEAST_SQUARE)
        root = ops.sqrt(1.0 + ratio)
        return -ratio / (root * (1.0 + root))

    def _from_features(self, units, n):
        group = replicas.current()
        first, second = self.random_features(units[0].shape[1])
        features = [_cosines(unit, *first) for unit in units]
        joint = rows.batch_mean(ops.sum(ops.square(sum(features)), axis=1), n)
        count = n * len(units)
        pair = [ops.concatenate(features), _cosines(ops.concatenate(units), *second)]
        means = group.sum(ops.stack([ops.sum(x, axis=0) for x in pair])) / count
        first, second = pair[0] - means[0], pair[1] - means[1]
        product = group.total(ops.matmul(ops.transpose(first), second))
        mean = rows.batch_mean(pair[0], count)
        hsic_zy = joint / (len(units) * (len(units) - 1)) - ops.sum(ops.square(mean))
        return hsic_zy, ops.sum(ops.square(product / count))

    def random_features(self, width: int) -> list[tuple[Tensor, Tensor]]:
        """The two sets of random features of the running step.

        The kernel is the mean of Gaussian kernels whose inverse widths are distributed
        as |g| / c with g standard normal, since `(1 + x)^(−½)` is the mean of
        `e^(−g² x / 2)`; a Gaussian kernel is the mean of cosines with normal
        frequencies (Rahimi and Recht, 2007).

        Args:
            width: int, D.

        Returns:
            two `(frequencies, phases)`: `(D, S)`, and `(S,)` in 0..2π, float32.
        """
        sets = []
        for name in ("first", "second"):
            directions = draws.normal((width, self.features), self.seed, name)
            scales = draws.normal((self.features,), self.seed, f"{name} scales")
            phases = draws.uniform(
                (self.features,), 2.0 * math.pi, self.seed, f"{name} phases"
            )
            sets.append((directions * (scales / self.kernel_scale), phases))
        return sets

    def levels(self, batch: int, width: int, views: int = 2) -> Levels:
        """What unrelated and perfect views would give that are spread over the sphere.

        Two independent rows are √2 apart, up to a cosine of variance 1/D.
        """
        scale = self.kernel_scale
        kernel = scale / math.sqrt(scale**2 + 2.0)
        slope = scale * (scale**2 + 2.0) ** -1.5
        fluctuation = slope**2 / width
        own = 1.0 / (views - 1) if self.kernel == "random_features" else 0.0
        apart, together = (
            -(1.0 - kernel) / (views * batch),
            (1.0 - kernel) * (1 - 1 / batch),
        )
        unrelated = math.sqrt((1.0 - kernel) ** 2 / (views * batch) + fluctuation)
        perfect = math.sqrt((1.0 - kernel) ** 2 / batch + fluctuation)
        weight = self.regularisation_weight
        return Levels(
            unrelated=weight * unrelated - apart - own,
            perfect=weight * perfect - together - own,
            settings=f"γ = {weight:g}",
            widening="raise `--config.loss.regularisation_weight`",
            terms={"hsic_zy": _dependence(apart + own, together + own)},
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "regularisation_weight": self.regularisation_weight,
            "kernel": self.kernel,
            "kernel_scale": self.kernel_scale,
            "features": self.features,
            "seed": self.seed,
            "name": self.name,
        }


def _squared_distances(x, count):
    """Squared distances of a shard's rows to those of the global batch, `(n, N)`.

    They are taken of the differences from the mean, which leaves them as they are: of
    embeddings that are all but the same, the squares of the lengths would lose them.
    """
    group = replicas.current()
    x = x - ops.stop_gradient(group.sum(ops.sum(x, axis=0)) / count)
    squares = ops.sum(ops.square(x), axis=1)
    return squares[:, None] + group.everyone(squares) - 2.0 * group.gram(x)


def _cosines(x, frequencies, phases):
    """Random features of rows, `(n, S)`, whose products are k on average."""
    angles = ops.matmul(x, frequencies) + phases
    return math.sqrt(2.0 / phases.shape[0]) * ops.cos(angles)


def _dependence(unrelated, perfect):
    def at(share):
        return unrelated + share * (perfect - unrelated)

    return Term(
        title="Invariance",
        measure="HSIC(Z, Y)",
        note="dashed: unrelated and perfect views",
        unrelated=unrelated,
        perfect=perfect,
        good=at(0.8),
        poor=at(0.5),
        sentence=(
            "The embeddings depend on the image by {value:.3f} (HSIC(Z, Y); unrelated "
            "views give {unrelated:.3f}, and perfect ones {perfect:.3f})"
        ),
        verdicts=verdicts.AGREEMENT,
    )
