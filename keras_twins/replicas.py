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

    def everyone(self, x: Tensor) -> Tensor:
        """The shards `(n_r, ...)` of all replicas as one `(N, ...)`, with gradient.

        Each replica goes on to use it with its own shard; the gradient of such a
        gather is the sum of the replicas' gradients. The rows of a replica begin at
        `first_row`.
        """
        return x

    def gram(self, x: Tensor) -> Tensor:
        """This shard's rows of the Gram matrix `x xᵀ` of the global batch.

        The gradient takes one matrix product. Autodiff would take two, one for each
        factor, which are the same where the gradient of the matrix is symmetric.
        Derivatives of any order are right, in reverse mode; JAX's forward mode applies
        to the gradient (`jax.hessian`), not to the value.

        Args:
            x: `(n, D)`, this replica's shard.

        Returns:
            `(n, N)`. What is made of it must not tell an entry from its mirror image,
            so that its gradient is symmetric, as that of
            `total(sum(gram(a) * gram(b)))` is.
        """
        # TensorFlow must find the gradient's `x` in the branch that the gram is in.
        return _gram(keras.ops.reshape(x, keras.ops.shape(x)))

    def first_row(self, rows: Tensor) -> Tensor:
        """Index, in the global batch, of the first of this shard's rows.

        Args:
            rows: integer scalar, the size of this shard.

        Returns:
            integer scalar: int64 on several replicas, else of the type of `rows`.
        """
        return keras.ops.zeros_like(rows)


@keras.ops.custom_gradient
def _gram(x):
    def gradient(*upstream, **named):
        # PyTorch's backend gives it by name, beside what the forward pass was given.
        upstream = named["upstream"] if named else upstream[0]
        return keras.ops.matmul(2.0 * _symmetric(upstream), x)

    return keras.ops.matmul(x, keras.ops.transpose(x)), gradient


def _symmetric(matrix):
    """A matrix that is symmetric; what is derived from it is made so."""
    if keras.backend.backend() == "tensorflow":
        # Its transpose would take a fifth of the time of a small batch's whole loss.
        return _symmetric_as_it_is(matrix)
    return 0.5 * (matrix + keras.ops.transpose(matrix))


@keras.ops.custom_gradient
def _symmetric_as_it_is(matrix):
    return keras.ops.copy(matrix), lambda g: 0.5 * (g + keras.ops.transpose(g))


class ReplicaGroup:
    """The replicas of the running `tf.distribute` step; members as of `OneReplica`."""

    def __init__(self, context: "tf.distribute.ReplicaContext") -> None:
        self._context = context
        self.count = context.num_replicas_in_sync

    def sum(self, x: Tensor) -> Tensor:
        return self._context.all_reduce(tf.distribute.ReduceOp.SUM, x)

    def total(self, x: Tensor) -> Tensor:
        @tf.custom_gradient
        def total(x):
            summed = self._context.all_reduce(tf.distribute.ReduceOp.SUM, x)
            return summed, self._shared

        return total(x)

    def _shared(self, x):
        """The transpose of `total`: `x`, the same on all replicas, used by each alone.

        A second derivative passes through it, and differs between replicas.
        """

        @tf.custom_gradient
        def shared(x):
            return tf.identity(x), self.total

        return shared(x)

    def gather(self, x: Tensor) -> Tensor:
        return tf.stop_gradient(self._context.all_gather(tf.stop_gradient(x), axis=0))

    def everyone(self, x: Tensor) -> Tensor:
        return self._context.all_gather(x, axis=0)

    def gram(self, x: Tensor) -> Tensor:
        # Not `gather`: a second derivative passes through the other replicas' rows.
        everyone = self.everyone(x)

        @tf.custom_gradient
        def rows_of_gram(x, everyone):
            def gradient(upstream):
                return tf.matmul(2.0 * self._symmetric(upstream), everyone), None

            return tf.matmul(x, everyone, transpose_b=True), gradient

        return rows_of_gram(x, everyone)

    def _symmetric(self, rows):
        """This shard's rows of a symmetric matrix, as what they are.

        As with one replica. The gradient is gathered for a second derivative alone.
        """

        @tf.custom_gradient
        def symmetric(rows):
            def gradient(upstream):
                count = tf.shape(upstream, tf.int64)[0]
                first = self.first_row(count)
                columns = self._context.all_gather(upstream, axis=0)
                columns = columns[:, first : first + count]
                return 0.5 * (upstream + tf.transpose(columns))

            return tf.identity(rows), gradient

        return symmetric(rows)

    def first_row(self, rows: Tensor) -> Tensor:
        # Shards need not be equal: a short last batch leaves some replicas fewer rows.
        index = self._context.replica_id_in_sync_group
        rows = tf.cast(rows, tf.int64)
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
