"""The steps of `Twins` with the TensorFlow backend, which also makes views."""

from typing import Any

import tensorflow as tf

from keras_twins import distribution, keys
from keras_twins.models import first_look
from keras_twins.models.steps import Steps
from keras_twins.models.teacher import towards
from keras_twins.types import Tensor


class BackendSteps(Steps, distribution.SeveralWorkers):
    """Steps in a graph, on any number of replicas."""

    def train_step(self, data: Any) -> dict[str, Tensor]:
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.optimizer.scale_loss(self.objective(data, training=True))
        before = tf.convert_to_tensor(self.optimizer.iterations)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.teach(before)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Tensor]:
        self.objective(data, training=False)
        return self.get_metrics_result()

    def _show_views(self, data):
        return first_look.show(self.views, data)

    def _make_views(self, images, number):
        return self.views(images, keys=keys.row_keys(number, tf.shape(images)[0]))

    def _average(self, pairs, share):
        # As Keras's optimizers do it: each replica moves its own copy, without a sum.
        tf.__internal__.distribute.interim.maybe_merge_call(
            _average,
            tf.distribute.get_strategy(),
            [(mine.value, other.value) for mine, other in pairs],
            share,
        )


def _average(strategy, pairs, share):
    for mine, other in pairs:
        strategy.extended.update(mine, towards, args=(other, share), group=False)
