"""The replicas whose shards make up the global batch.

A loss sees the shard of its own replica. What it needs of the others passes through
the four members of the object that `current()` returns; on one replica, and on every
backend but TensorFlow, each of them is the identity.
"""

import keras

from keras_twins.types import Tensor


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


def current():
    """The group of replicas of the running step."""
    if keras.backend.backend() == "tensorflow":
        from keras_twins import distribution

        return distribution.replicas()
    return OneReplica()
