"""The loss of the note that reads Barlow Twins as HSIC maximisation."""

import keras

from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.statistics import Ddof, Form


@keras.saving.register_keras_serializable(package="keras_twins")
class HSICLoss(CorrelationLoss):
    """HSIC: Barlow Twins with an off-diagonal target of −1.

    Formula: `Σᵢ (Cᵢᵢ − 1)² + λ Σᵢ≠ⱼ (Cᵢⱼ + 1)²` with `C` the cross-correlation of the
    two views (Tsai et al., arXiv 2104.13712, and its code). The default λ is that of
    the code, 1/128; `ddof=1, eps=0` are its conventions of standardising.

    The value stays near λ D (D − 1), since features cannot all be anticorrelated; see
    the terms for what can be read. Replicas, forms and arguments are those of
    `keras_twins.losses.CorrelationLoss`.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> loss = kt.losses.HSICLoss(redundancy_weight=0.5, eps=0.0)
        >>> float(loss(z, z))  # Cᵢᵢ = 1 and Cᵢⱼ = 0: 0.5 * 2 * (0 + 1)²
        1.0
    """

    off_diagonal_target = -1.0

    def __init__(
        self,
        redundancy_weight: float = 0.0078125,
        eps: float = 1e-5,
        ddof: Ddof = 0,
        form: Form = "auto",
        name: str = "hsic_loss",
    ) -> None:
        super().__init__(redundancy_weight, eps, ddof, form, name)
