"""The steps of `Twins` with the JAX backend: functions from state to state."""

from typing import Any

import jax
import keras
from keras import ops

from keras_twins.models.steps import Steps
from keras_twins.types import Tensor


class BackendSteps(Steps):
    """Steps that take all variables and give them back, as Keras asks of JAX."""

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Tensor], Any]:
        trainable, others, optimizer, metrics = state

        def scaled(trainable):
            with self._with_state(trainable, others, metrics, optimizer) as scope:
                loss = self.objective(data, training=True)
                loss = self.optimizer.scale_loss(loss)
                logs = self.get_metrics_result()
                before = ops.convert_to_tensor(self.optimizer.iterations)
            return loss, (logs, before, *self._after(scope))

        gradients, aside = jax.grad(scaled, has_aux=True)(trainable)
        logs, before, others, metrics = aside
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, gradients, trainable
        )
        with self._with_state(trainable, others, metrics, optimizer) as scope:
            self.teach(before)
        others, _ = self._after(scope)
        return logs, (trainable, others, optimizer, metrics)

    def test_step(self, state: Any, data: Any) -> tuple[dict[str, Tensor], Any]:
        trainable, others, metrics = state
        with self._with_state(trainable, others, metrics) as scope:
            self.objective(data, training=False)
            logs = self.get_metrics_result()
        return logs, (trainable, *self._after(scope))

    def _with_state(self, trainable, others, metrics, optimizer=None):
        mapping = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, others, strict=True),
            *zip(self.metrics_variables, metrics, strict=True),
        ]
        if optimizer is not None:
            mapping += zip(self.optimizer.variables, optimizer, strict=True)
        return keras.StatelessScope(state_mapping=mapping, collect_losses=True)

    def _after(self, scope):
        return tuple(
            [scope.get_current_value(variable) for variable in variables]
            for variables in (self.non_trainable_variables, self.metrics_variables)
        )
