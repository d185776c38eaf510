"""The loss of Barlow Twins."""

import keras

from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.statistics import Ddof, Form


@keras.saving.register_keras_serializable(package="keras_twins")
class BarlowTwinsLoss(CorrelationLoss):
    """Barlow Twins: views that agree, features that do not repeat each other.

    Formula: `Σᵢ (Cᵢᵢ − 1)² + λ Σᵢ≠ⱼ Cᵢⱼ²` with `C` the cross-correlation of the two
    views (Zbontar et al., arXiv 2103.03230, equation 1). The defaults are those of the
    official code; `ddof=1, eps=0` are those of the code of arXiv 2104.13712.

    Its size grows with D and D²/N and says little; see the terms for what can be
    read. Replicas, forms and arguments are those of
    `keras_twins.losses.CorrelationLoss`.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> loss = kt.losses.BarlowTwinsLoss(redundancy_weight=0.5, eps=0.0)
        >>> float(loss(z, z))  # the features are uncorrelated, the views the same
        0.0
        >>> float(loss(z, z[:, ::-1]))  # Cᵢᵢ = 0 and Cᵢⱼ = 1
        3.0
    """

    def __init__(
        self,
        redundancy_weight: float = 0.0051,
        eps: float = 1e-5,
        ddof: Ddof = 0,
        form: Form = "auto",
        name: str = "barlow_twins_loss",
    ) -> None:
        super().__init__(redundancy_weight, eps, ddof, form, name)
