"""Batches out of rows that are made one by one, in any order."""

import tensorflow as tf


def batched(order, fetch, finish):
    """The batches of an order.

    Args:
        order: `Order`, or what has its attributes.
        fetch: function of a scalar key and the place of an element: a tuple of tensors
            whose first is the key.
        finish: function of batches of what `fetch` gives: the views.

    Returns:
        `tf.data.Dataset`.
    """
    rows = mapped(
        order.batches().unbatch(),
        # A row that a short batch lacks is dropped after batching.
        lambda key, index: fetch(key, tf.maximum(index, 0)),
    )
    batches = rows.batch(order.rows, drop_remainder=True)

    def complete(keys, *rows):
        keys, *rows = present(order, keys, keys, *rows)
        return order.complete(finish(keys, *rows), keys)

    return mapped(batches, complete)


def present(order, keys, *values):
    """`values` without the rows that a short batch lacks."""
    if order.drop_remainder:
        return values
    return tf.nest.map_structure(lambda v: tf.boolean_mask(v, keys >= 0), values)


def mapped(dataset, function):
    """`dataset.map` on as many threads as there are, in order."""
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE)


def compiled(function):
    """As one XLA program, for inputs of one shape."""
    return tf.function(function, jit_compile=True)
