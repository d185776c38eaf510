"""The replicas whose shards make up the global batch.

A loss, a layer or a step sees the shard of its own replica. What it needs of the other
shards passes through the object that `current()` returns. On one replica, and on every
backend but TensorFlow, its sums and gathers are the identity.
"""

import keras

from keras_twins.types import Tensor

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf


class OneReplica:
    """The group of a single replica: its shard is the global batch."""

    count = 1

    def sum(self, x: Tensor) -> Tensor:
        """Sum over replicas that each replica goes on to use with its own shard.

        The gradient of such a sum is the sum of the replicas' gradients.
        """
        return x

    def total(self, x: Tensor) -> Tensor:
        """Sum over replicas from which all replicas compute the same result.

        The gradient is passed on as it is: every replica already holds the gradient
        of the global result, so that summing it again would count it R times.
        """
        return x

    def gather(self, x: Tensor) -> Tensor:
        """The shards `(n_r, ...)` of all replicas as one `(N, ...)`, no gradient."""
        return keras.ops.stop_gradient(x)

    def first_row(self, rows: Tensor) -> Tensor:
        """Index, in the global batch, of the first of this shard's rows.

        Args:
            rows: int64 scalar, the size of this shard.

        Returns:
            int64 scalar.
        """
        return keras.ops.zeros_like(rows)


class ReplicaGroup:
    """The replicas of the running `tf.distribute` step; members as of `OneReplica`."""

    def __init__(self, context: "tf.distribute.ReplicaContext") -> None:
        self._context = context
        self.count = context.num_replicas_in_sync

    def sum(self, x: Tensor) -> Tensor:
        return self._context.all_reduce(tf.distribute.ReduceOp.SUM, x)

    def total(self, x: Tensor) -> Tensor:
        @tf.custom_gradient
        def reduce(x):
            return self._context.all_reduce(tf.distribute.ReduceOp.SUM, x), lambda g: g

        return reduce(x)

    def gather(self, x: Tensor) -> Tensor:
        return tf.stop_gradient(self._context.all_gather(tf.stop_gradient(x), axis=0))

    def first_row(self, rows: Tensor) -> Tensor:
        # Shards need not be equal: a short last batch leaves some replicas fewer rows.
        index = self._context.replica_id_in_sync_group
        counts = self.sum(rows * tf.one_hot(index, self.count, dtype=tf.int64))
        return tf.cumsum(counts, exclusive=True)[index]


def current() -> OneReplica | ReplicaGroup:
    """The replicas of the running step, or the group of one outside of such a step."""
    if keras.backend.backend() != "tensorflow":
        return OneReplica()
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return OneReplica()
    return ReplicaGroup(context)
