"""Two optimizers for one model: its first variables, and the rest."""

from collections.abc import Sequence
from typing import Any, Self

import keras

from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class TwoRates(keras.optimizers.Optimizer):
    """An optimizer for a model's first variables, and another for the rest.

    So a pretrained encoder moves at a lower rate than a projector that begins with
    random weights: with any optimizer, decay and all, since each is the whole
    optimizer of its variables.

    Args:
        first: `keras.optimizers.Optimizer` of the first `count` variables.
        rest: `keras.optimizers.Optimizer` of the others, whose learning rate and number
            of iterations are this optimizer's.
        count: int, 0 or more.
        name: str.

    Raises:
        ValueError: for a count below 0.

    Examples:
        >>> import keras, keras_twins as kt
        >>> slow, fast = (keras.optimizers.SGD(rate) for rate in (0.1, 1.0))
        >>> optimizer = kt.optimizers.TwoRates(slow, fast, count=1)
        >>> weights = [keras.Variable([1.0]), keras.Variable([1.0])]
        >>> optimizer.build(weights)
        >>> optimizer.apply([keras.ops.convert_to_tensor([1.0])] * 2, weights)
        >>> [round(float(weight[0]), 3) for weight in weights]
        [0.9, 0.0]
    """

    def __init__(
        self,
        first: keras.optimizers.Optimizer,
        rest: keras.optimizers.Optimizer,
        count: int,
        name: str = "two_rates",
    ) -> None:
        if count < 0:
            raise ValueError(
                "Invalid value for argument `count`. Expected 0 or more. "
                f"Received: count={count}"
            )
        super().__init__(learning_rate=0.0, name=name)
        self.first = first
        self.rest = rest
        self.count = count

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self.first.variables, *self.rest.variables]

    @property
    def iterations(self) -> keras.Variable:
        return self.rest.iterations

    @property
    def learning_rate(self) -> Any:
        return self.rest.learning_rate

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for optimizer, own in self._shares(variables):
            optimizer.build(own)

    def apply(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        self.build(trainable_variables)
        gradients = [own for _, own in self._shares(grads)]
        shares = self._shares(trainable_variables)
        for (optimizer, own), slopes in zip(shares, gradients, strict=True):
            if own:
                optimizer.apply(slopes, own)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        for optimizer, own in self._shares(var_list):
            optimizer.finalize_variable_values(own)

    def _shares(self, values):
        values = list(values)
        return (self.first, values[: self.count]), (self.rest, values[self.count :])

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "first": serialize(self.first),
            "rest": serialize(self.rest),
            "count": self.count,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        config = dict(config)
        for part in ("first", "rest"):
            config[part] = keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects
            )
        return cls(**config)
