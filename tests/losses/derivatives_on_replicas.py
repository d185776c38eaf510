"""Derivatives of the losses on logical CPU devices, and on one.

Run by `replicas_test.py` as a process of its own, since devices must be set up before
TensorFlow starts: `derivatives_on_replicas.py R`. Prints a line of JSON: for each loss,
how far its gradient and its Hessian times a direction are from those of one device;
then the largest correlation of a constant feature, and of another.
"""

import functools
import json
import sys

import numpy as np
import tensorflow as tf
from derivatives import hessian_times, relative, traced_value_and_gradients
from method_formulas import METHODS

from keras_twins import losses

FUNCTIONS = {
    "barlow_twins_gram": losses.BarlowTwinsLoss(0.1, eps=0.0, form="gram"),
    "barlow_twins_correlation": losses.BarlowTwinsLoss(0.1, form="correlation"),
    "hsic_gram": losses.HSICLoss(0.1, form="gram"),
    "linear_hsic": losses.linear_hsic,
    **{name: loss for name, (loss, _) in METHODS.items() if "auto" not in name},
}
REPLICAS = int(sys.argv[1])
# Where the global batch is cut; of four replicas, one gets no row.
CUTS = {2: (0, 3, 8), 4: (0, 3, 3, 4, 8)}[REPLICAS]
ROWS, WIDTH, CONSTANT = 8, 24, 3


def make_strategy():
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    )
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(REPLICAS)])


def on_replicas(strategy, function, *matrices):
    """What the replicas make of their rows of the matrices, joined along the rows."""

    def shards(matrix):
        def shard(context):
            index = context.replica_id_in_sync_group
            return tf.constant(matrix[:, CUTS[index] : CUTS[index + 1]])

        return strategy.experimental_distribute_values_from_function(shard)

    def unknown_rows(matrix):
        # All replicas of a step are traced alike, as with the batches of a data set.
        return tf.compat.v1.placeholder_with_default(matrix, [2, None, WIDTH])

    @tf.function(autograph=False)
    def step(*matrices):
        return strategy.run(lambda *m: function(*map(unknown_rows, m)), matrices)

    found = strategy.experimental_local_results(step(*map(shards, matrices)))
    return np.concatenate([part.numpy() for part in found], axis=1)


def gradients(loss, pair):
    """Value, in front of the gradients `(2, n, D)`: one row more."""
    value, *both = traced_value_and_gradients(loss, pair[0], pair[1])
    return tf.concat([tf.fill([2, 1, WIDTH], value), tf.stack(both)], axis=1)


def main():
    strategy = make_strategy()
    rng = np.random.default_rng(1)
    pair, direction = rng.normal(size=(2, 2, ROWS, WIDTH)).astype("float32")
    # Unlike shards.
    pair *= np.linspace(0.3, 2.0, ROWS, dtype="float32")[:, None]
    pair[1] += pair[0]
    pair[:, :, CONSTANT] = 0.1
    found = {"gradient": {}, "hessian": {}}
    for name, loss in FUNCTIONS.items():
        first = functools.partial(gradients, loss)
        second = functools.partial(hessian_times, loss)
        several = on_replicas(strategy, second, pair, direction)
        expected = second(tf.constant(pair), direction)
        found["hessian"][name] = float(relative(several, expected))
        several = on_replicas(strategy, first, pair)
        values = np.cumsum([0, *(np.diff(CUTS) + 1)])[:-1]
        expected = first(tf.constant(pair)).numpy()
        found["gradient"][name] = float(
            max(
                relative(np.delete(several, values, axis=1), expected[:, 1:]),
                *(relative(several[:, v], expected[:, 0]) for v in values),
            )
        )

    def correlation(pair):
        return losses.cross_correlation(pair[0], pair[1], eps=0.0)[None]

    matrices = np.abs(on_replicas(strategy, correlation, pair)[0])
    matrices = matrices.reshape(REPLICAS, WIDTH, WIDTH)
    found["constant"] = float(matrices[:, CONSTANT].max())
    found["others"] = float(matrices[:, CONSTANT + 1].max())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
