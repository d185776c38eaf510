"""Layer-wise adaptive rate scaling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class LARS(keras.optimizers.Optimizer):
    """LARS: momentum SGD whose rate is adapted to the norms of each weight.

    For a weight `w` with gradient `g` (You et al., arXiv 1708.03888; conventions of the
    official Barlow Twins code):

        g ← g + weight_decay · w
        g ← g · trust_coefficient · ‖w‖ / ‖g‖        (1 where a norm is zero)
        v ← momentum · v + g
        w ← w − learning_rate · v
        w ← w − learning_rate · (g + momentum · v)   (instead, with `nesterov`)

    With `clip`, the factor of the second line is at most the learning rate, and takes
    its place: `min(trust_coefficient · ‖w‖ / ‖g‖, learning_rate)`, as in solo-learn's
    code.

    Biases and norm parameters (all variables of rank 1 or 0) are exempt from decay and
    adaptation, and take `exempt_rate` times the learning rate.

    `exclude_from_weight_decay(var_list=..., var_names=...)`, called before the first
    step as in every Keras optimizer, takes the decay from further variables, such as a
    vision transformer's tokens, which have a higher rank. It takes nothing else: their
    gradients are adapted, at the full learning rate. As in every Keras optimizer, the
    exclusion is not part of the configuration.

    The official rates, 0.2 and 0.0048 for the exempt, were tuned on gradients that are
    1/W of the true ones on W devices. Adaptation undoes that for the weights; an exempt
    parameter moved as if its rate were 0.0048 / W.

    Args:
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
        momentum: float in 0..1.
        weight_decay: float, 0 or more. Coupled: added to the gradient.
        trust_coefficient: float, above 0.
        exempt_rate: float, 0 or more. Relative rate of the exempt variables.
        nesterov: bool. Whether the momentum looks ahead, as in `torch.optim.SGD` and
            `keras.optimizers.SGD`.
        clip: bool. Whether the rate of a weight is at most the learning rate.
        **kwargs: as of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: for a value out of its range.

    Examples:
        >>> import keras, keras_twins as kt
        >>> optimizer = kt.optimizers.LARS(0.1, momentum=0.0, weight_decay=0.0)
        >>> weight = keras.Variable([[3.0, 4.0]])
        >>> optimizer.apply([keras.ops.convert_to_tensor([[0.0, 2.0]])], [weight])
        >>> keras.ops.convert_to_numpy(weight)  # 4 − 0.1 · 2 · 0.001 · 5 / 2
        array([[3.    , 3.9995]], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.2,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust_coefficient: float = 0.001,
        exempt_rate: float = 1.0,
        nesterov: bool = False,
        clip: bool = False,
        name: str = "lars",
        **kwargs: Any,
    ) -> None:
        for argument, value, good in (
            ("momentum", momentum, 0 <= momentum < 1),
            ("weight_decay", weight_decay, weight_decay >= 0),
            ("trust_coefficient", trust_coefficient, trust_coefficient > 0),
            ("exempt_rate", exempt_rate, exempt_rate >= 0),
        ):
            if not good:
                raise ValueError(
                    f"Invalid value for argument `{argument}`. Expected momentum in "
                    "[0, 1), trust_coefficient above 0, the others 0 or more. "
                    f"Received: {argument}={value}"
                )
        # Keras's own weight decay is decoupled from the gradient: not that of LARS.
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.coupled_weight_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.exempt_rate = exempt_rate
        self.nesterov = nesterov
        self.clip = clip

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        # Decided here, where the variables are still those that were excluded: a
        # strategy's update step gets parts of them, with other names.
        self._decays = [
            self.coupled_weight_decay if self._use_weight_decay(variable) else 0.0
            for variable in variables
        ]

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        if len(variable.shape) > 1:
            gradient = gradient + self._decays[index] * variable
            ratio = self._trust_ratio(variable, gradient)
            if self.clip:  # A rate of 0 leaves the weight as it is, whatever the ratio.
                ratio = ops.minimum(ratio / ops.maximum(learning_rate, 1e-30), 1.0)
            gradient = gradient * ratio
        else:
            learning_rate = learning_rate * self.exempt_rate
        velocity = self.momentum * self._velocities[index] + gradient
        self.assign(self._velocities[index], velocity)
        step = gradient + self.momentum * velocity if self.nesterov else velocity
        self.assign_sub(variable, learning_rate * step)

    def _trust_ratio(self, variable, gradient):
        weight_norm = ops.norm(ops.reshape(variable, (-1,)))
        gradient_norm = ops.norm(ops.reshape(gradient, (-1,)))
        return ops.where(
            ops.logical_and(weight_norm > 0, gradient_norm > 0),
            self.trust_coefficient * weight_norm / ops.maximum(gradient_norm, 1e-30),
            1.0,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_weight_decay,
            "trust_coefficient": self.trust_coefficient,
            "exempt_rate": self.exempt_rate,
            "nesterov": self.nesterov,
            "clip": self.clip,
        }
