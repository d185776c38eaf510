"""A signature that sums, and what a test of `Batcher` asks of it in a loop."""

import asyncio
import functools
import threading

import numpy as np
import pytest
import tensorflow as tf

from keras_twins.serving.batching import Batcher
from keras_twins.serving.config import BatchingSettings
from keras_twins.serving.metrics import Metrics
from keras_twins.serving.status import ServingError

# Longer than any test takes: who waits for it waits for ever.
FOR_EVER = 3600.0


class Sums:
    """A signature that sums each row, refuses negative ones, and notes what it ran.

    Attributes:
        runs: the first column of the inputs of each run.
        gate: what every run waits for; open unless a test closes it.
    """

    def __init__(self, batches=True):
        self.batches = batches
        self.runs = []
        self.gate = threading.Event()
        self.gate.set()

    def run(self, inputs):
        x = inputs["x"]
        self.runs.append(x[:, 0].tolist())
        assert self.gate.wait(5)
        for row in np.flatnonzero(x[:, 0] < 0):
            message = f"x[{row}] is below zero"
            raise tf.errors.InvalidArgumentError(None, None, message)
        return {"sum": sum(array.sum(axis=1) for array in inputs.values())}


def in_a_loop(test):
    """Runs a coroutine as a test, which fails where it would wait for ever."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 10))

    return run


def make_batcher(metrics=None, **settings):
    """A `Batcher` of up to four rows, where a batch that is not full never runs."""
    settings = {"max_batch_size": 4, "timeout_s": FOR_EVER, **settings}
    return Batcher(BatchingSettings(**settings), metrics or Metrics())


def columns(*values, width=2):
    """A request's inputs: a row for each value, which fills its columns."""
    return {"x": np.repeat(np.array(values, np.float32)[:, None], width, axis=1)}


def ask(batcher, signature, inputs):
    return asyncio.create_task(batcher.run(signature, inputs))


async def until_queued():
    """Lets all that was asked so far reach the queues."""
    await asyncio.sleep(0)


async def busy(batcher):
    """A signature that keeps one thread busy until its gate opens, and its answer."""
    holder = Sums(batches=False)
    holder.gate.clear()
    answer = ask(batcher, holder, columns(1))
    await until_queued()
    return holder, answer


async def refusal(answer):
    with pytest.raises(ServingError) as caught:
        await answer
    return caught.value
