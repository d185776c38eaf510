"""Derivatives of the losses on four logical CPU devices, and on one.

Run by `replicas_test.py` as a process of its own, since devices must be set up before
TensorFlow starts. Prints a line of JSON: for each loss, how far its value, its gradient
and its Hessian times a direction are from those of one device; then the largest
correlation of a constant feature, and of another.
"""

import functools
import json

import numpy as np
import tensorflow as tf
from derivatives import relative
from method_formulas import METHODS

from keras_twins import losses

FUNCTIONS = {
    "barlow_twins_gram": losses.BarlowTwinsLoss(0.1, eps=0.0, form="gram"),
    "barlow_twins_correlation": losses.BarlowTwinsLoss(0.1, form="correlation"),
    "hsic_gram": losses.HSICLoss(0.1, form="gram"),
    "linear_hsic": losses.linear_hsic,
    # Each row with itself: the shards' permutations are as good as any.
    "mixed": lambda a, b: losses.mixed_regulariser(
        a, b, a - tf.square(b), 0.3, tf.range(tf.shape(a)[0]), eps=0.1
    ),
    **{name: loss for name, (loss, _) in METHODS.items() if "auto" not in name},
}
# Where the global batch is cut: one replica gets no row.
CUTS = (0, 3, 3, 4, 8)
REPLICAS = len(CUTS) - 1
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


def derivatives(loss, pair, direction):
    """Gradient, Hessian times the direction, and value of each row: `(6, n, D)`."""
    with tf.GradientTape() as outer:
        outer.watch(pair)
        with tf.GradientTape() as inner:
            inner.watch(pair)
            value = loss(pair[0], pair[1])
        gradient = inner.gradient(value, pair)
        along = tf.reduce_sum(gradient * direction)
    second = outer.gradient(along, pair)
    return tf.concat([tf.fill(tf.shape(pair), value), gradient, second], axis=0)


def main():
    strategy = make_strategy()
    rng = np.random.default_rng(1)
    pair, direction = rng.normal(size=(2, 2, ROWS, WIDTH)).astype("float32")
    # Unlike shards.
    pair *= np.linspace(0.3, 2.0, ROWS, dtype="float32")[:, None]
    pair[1] += pair[0]
    pair[:, :, CONSTANT] = 0.1
    found = {}
    for name, loss in FUNCTIONS.items():
        function = functools.partial(derivatives, loss)
        several = on_replicas(strategy, function, pair, direction)
        expected = function(*map(tf.constant, (pair, direction))).numpy()
        parts = zip(np.split(several, 3), np.split(expected, 3), strict=True)
        found[name] = [float(relative(*part)) for part in parts]

    def correlation(pair):
        return losses.cross_correlation(pair[0], pair[1], eps=0.0)[None]

    matrices = np.abs(on_replicas(strategy, correlation, pair)[0])
    matrices = matrices.reshape(REPLICAS, WIDTH, WIDTH)
    found["constant"] = float(matrices[:, CONSTANT].max())
    found["others"] = float(matrices[:, CONSTANT + 1].max())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
