"""The steps of `Twins` with the TensorFlow backend, which also makes views."""

from typing import Any

import tensorflow as tf

from keras_twins import distribution, keys
from keras_twins.models import first_look
from keras_twins.models.steps import Steps
from keras_twins.types import Tensor

# Training steps are counted from 0, so that none shares these views.
_TEST_STEP = -1


class BackendSteps(Steps, distribution.SeveralWorkers):
    """Steps in a graph, on any number of replicas."""

    def train_step(self, data: Any) -> dict[str, Tensor]:
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.optimizer.scale_loss(self.objective(data, training=True))
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Tensor]:
        self.objective(data, training=False)
        return self.get_metrics_result()

    def _show_views(self, data):
        return first_look.show(self.views, data)

    def _make_views(self, images, training):
        step = tf.constant(_TEST_STEP, tf.int64)
        if training:
            step = tf.identity(self.batches_seen.value)
            self.batches_seen.assign_add(1)
        return self.views(images, keys=keys.row_keys(step, tf.shape(images)[0]))
