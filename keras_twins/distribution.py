"""Which `tf.distribute` strategy runs a job, and what replicas exchange."""

import tensorflow as tf

from keras_twins.losses.replicas import OneReplica


class ReplicaGroup:
    """The replicas of the running `tf.distribute` step; see `losses.replicas`."""

    def __init__(self, context):
        self._context = context
        self.count = context.num_replicas_in_sync

    def sum(self, x):
        return self._context.all_reduce(tf.distribute.ReduceOp.SUM, x)

    def total(self, x):
        @tf.custom_gradient
        def reduce(x):
            return self._context.all_reduce(tf.distribute.ReduceOp.SUM, x), lambda g: g

        return reduce(x)

    def gather(self, x):
        return tf.stop_gradient(self._context.all_gather(tf.stop_gradient(x), axis=0))


def replicas():
    """The replicas of the running step, or the group of one outside of such a step."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return OneReplica()
    return ReplicaGroup(context)


def first_row(rows):
    """Index, in the global batch, of the first of this replica's `rows` (int64)."""
    group = replicas()
    if group.count == 1:
        return tf.zeros([], tf.int64)
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    counts = group.sum(rows * tf.one_hot(index, group.count, dtype=tf.int64))
    return tf.cumsum(counts, exclusive=True)[index]


class SeveralWorkers:
    """Mixin of a built `keras.Model`: `fit` under every `tf.distribute` strategy.

    Keras 3 builds a model by averaging its first batch over replicas, which fails for
    shards of unlike sizes, and for workers in several processes (keras-team/keras issue
    20585); a model that is built when it is made needs none of that.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
