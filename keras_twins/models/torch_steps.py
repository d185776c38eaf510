"""The steps of `Twins` with the PyTorch backend."""

from typing import Any

import keras
import torch

from keras_twins.models.steps import Steps
from keras_twins.types import Tensor


class BackendSteps(Steps):
    """Steps that leave gradients beside the weights."""

    def train_step(self, data: Any) -> dict[str, Tensor]:
        self.zero_grad()
        self.optimizer.scale_loss(self.objective(data, training=True)).backward()
        weights = self.trainable_weights
        gradients = [weight.value.grad for weight in weights]
        with torch.no_grad():
            before = keras.ops.copy(self.optimizer.iterations)
            self.optimizer.apply(gradients, weights)
            self.teach(before)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Tensor]:
        self.objective(data, training=False)
        return self.get_metrics_result()
