"""The losses with negatives: SimCLR's and its decoupled form."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_twins import replicas
from keras_twins.losses import checks, rows, statistics, verdicts
from keras_twins.losses.base import PairLoss
from keras_twins.losses.levels import Levels, Term
from keras_twins.types import Tensor

# Those of solo-learn for SimCLR, and of lightly for DCL.
_TEMPERATURE, _DECOUPLED_TEMPERATURE = 0.2, 0.1
# Less than any cosine over a temperature, and not so little that differences overflow.
_NOTHING = -1e30


@keras.saving.register_keras_serializable(package="keras_twins")
class NTXentLoss(PairLoss):
    """NT-Xent (SimCLR): each row finds its other view among all rows of the batch.

    Formula: the mean over the 2 N rows of `−⟨z, z⁺⟩/t + log Σ_z' e^(⟨z, z'⟩/t)` of unit
    rows, the sum over all other rows (Chen et al., arXiv 2002.05709, equation 1).
    With `decoupled`, the sum leaves out the positive z⁺ (DCL, Yeh et al., arXiv
    2110.06848).

    Negatives are those of the global batch, and the gradient passes through them:
    replicas gather 2 N D numbers. Time is O(N² D), so there is one form.

    Its terms are cosines: `positive_similarity`, the mean of the two views of an image,
    and `negative_similarity`, the root mean square of rows of different images.

    Args:
        temperature: float, t, more than 0; by default 0.2, and 0.1 where `decoupled`.
        decoupled: bool, whether the sum leaves out the positive.
        name: str.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.eye(2)
        >>> loss = kt.losses.NTXentLoss(temperature=0.5, decoupled=True)
        >>> round(float(loss(z, z)), 4)  # −1/t + log 2: all negatives are orthogonal
        -1.3069
    """

    term_names = ("positive_similarity", "negative_similarity")

    def __init__(
        self,
        temperature: float | None = None,
        decoupled: bool = False,
        name: str = "nt_xent_loss",
    ) -> None:
        if temperature is None:
            temperature = _DECOUPLED_TEMPERATURE if decoupled else _TEMPERATURE
        checks.check_positive(temperature=temperature)
        super().__init__(name=name)
        self.temperature = temperature
        self.decoupled = decoupled

    def terms(self, z_a: Tensor, z_b: Tensor) -> dict[str, Tensor]:
        checks.check_rows(z_a, "A loss with negatives")
        n = statistics.count_rows(z_a)
        a, b = rows.unit_rows(z_a), rows.unit_rows(z_b)
        positives = ops.sum(a * b, axis=1)
        cosines, same_image = _cosines_of_all(a, b)
        negatives = ops.where(same_image, _NOTHING, cosines / self.temperature)
        sums = ops.logsumexp(negatives, axis=1)
        wanted = ops.concatenate([positives, positives]) / self.temperature
        if not self.decoupled:
            sums = ops.logaddexp(sums, wanted)
        squares = ops.where(same_image, 0.0, ops.square(ops.stop_gradient(cosines)))
        mean_square = rows.batch_mean(ops.sum(squares, axis=1), n) / (4.0 * (n - 1.0))
        return {
            # Of 2 N rows.
            "loss": 0.5 * rows.batch_mean(sums - wanted, n),
            "positive_similarity": ops.stop_gradient(rows.batch_mean(positives, n)),
            "negative_similarity": ops.sqrt(mean_square),
        }

    def levels(self, batch: int, width: int) -> Levels:
        """What unrelated and perfect views would give.

        Cosines of independent rows are all but normal, of variance 1/D, so that the
        mean of `e^(cosine / t)` is `e^(1 / (2 D t²))`.
        """
        positive = 1.0 / self.temperature
        negatives = math.log(2 * batch - 2) + 0.5 * positive**2 / width
        unrelated, perfect = negatives, negatives - positive
        if not self.decoupled:
            unrelated = float(np.logaddexp(negatives, 0.0))
            perfect = float(np.logaddexp(negatives, positive)) - positive
        kind = "without the positive" if self.decoupled else "with the positive"
        return Levels(
            unrelated=unrelated,
            perfect=perfect,
            settings=f"a temperature of {self.temperature:g}, {kind} in the sum",
            widening="lower `--config.loss.temperature`",
            terms={
                "positive_similarity": _POSITIVE,
                "negative_similarity": _negative(1.0 / math.sqrt(width)),
            },
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "decoupled": self.decoupled,
            "name": self.name,
        }


def _cosines_of_all(a, b):
    """Cosines of this shard's rows of both views with those of the global batch.

    Returns:
        `(cosines, same_image)`, both `(2 n, 2 N)`.
    """
    group = replicas.current()
    own = ops.concatenate([a, b])
    # One gather of both views, whose rows stay together.
    everyone = group.everyone(ops.stack([a, b], axis=1))
    everyone = ops.reshape(ops.swapaxes(everyone, 0, 1), (-1, a.shape[1]))
    cosines = ops.matmul(own, ops.transpose(everyone))
    count = ops.shape(a)[0]
    first = ops.cast(group.first_row(count), "int32")
    images = ops.tile(first + ops.arange(count), [2])
    others = ops.tile(ops.arange(ops.shape(everyone)[0] // 2), [2])
    return cosines, ops.equal(ops.expand_dims(images, 1), others)


_POSITIVE = Term(
    title="Invariance",
    measure="mean cosine of two views",
    note="1 is perfect",
    unrelated=0.0,
    perfect=1.0,
    good=0.8,
    poor=0.5,
    sentence="The two views of an example have a cosine of {value:.2f} (1 is all)",
    verdicts=verdicts.AGREEMENT,
)


def _negative(chance):
    return Term(
        title="Spread",
        measure="root mean square cosine of two images",
        note="dashed: independent directions, 1/√D",
        unrelated=chance,
        perfect=chance,
        good=max(3.0 * chance, 0.4),
        poor=max(6.0 * chance, 0.8),
        sentence=(
            "Two different images have a cosine of {value:.2f} (root mean square), and "
            "independent directions {unrelated:.2f}"
        ),
        verdicts=verdicts.SPREAD,
    )
