"""The laws of `Batcher`, in a loop of their own; only the signature is arithmetic."""

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
        assert self.gate.wait(20)
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


@pytest.fixture
def make_batcher():
    batchers = []

    def make(metrics=None, **settings):
        settings = {"max_batch_size": 4, "timeout_s": FOR_EVER, **settings}
        batchers.append(Batcher(BatchingSettings(**settings), metrics or Metrics()))
        return batchers[-1]

    yield make
    for batcher in batchers:
        batcher.close()


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


@in_a_loop
async def test_a_full_batch_runs_at_once(make_batcher):
    batcher, sums = make_batcher(), Sums()
    answers = [ask(batcher, sums, columns(n)) for n in range(4)]
    found = [(await answer)["sum"].tolist() for answer in answers]
    assert found == [[0], [2], [4], [6]]
    assert sums.runs == [[0, 1, 2, 3]]


@in_a_loop
async def test_a_lone_row_waits_for_the_timeout_and_then_runs(make_batcher):
    batcher, sums = make_batcher(timeout_s=0.05), Sums()
    loop = asyncio.get_running_loop()
    start = loop.time()
    answer = ask(batcher, sums, columns(3))
    await until_queued()
    assert sums.runs == []
    assert (await answer)["sum"].tolist() == [6]
    assert loop.time() - start >= 0.05


@in_a_loop
async def test_rows_that_do_not_fit_wait_for_the_next_batch(make_batcher):
    batcher, sums = make_batcher(), Sums()
    first = ask(batcher, sums, columns(1, 2, 3))
    second = ask(batcher, sums, columns(4, 5))
    assert (await first)["sum"].tolist() == [2, 4, 6]
    assert sums.runs == [[1, 2, 3]] and not second.done()
    third = ask(batcher, sums, columns(6, 7))
    assert (await second)["sum"].tolist() == [8, 10]
    assert (await third)["sum"].tolist() == [12, 14]
    assert sums.runs[1:] == [[4, 5, 6, 7]]


@in_a_loop
async def test_a_batch_has_rows_of_one_shape_and_one_signature(make_batcher):
    batcher, sums, others = make_batcher(timeout_s=0), Sums(), Sums()
    holder, held = await busy(batcher)
    answers = [
        ask(batcher, sums, columns(1, width=2)),
        ask(batcher, sums, columns(2, width=3)),
        ask(batcher, others, columns(3, width=2)),
        ask(batcher, sums, columns(4, width=2)),
    ]
    await until_queued()
    holder.gate.set()
    found = [(await answer)["sum"].tolist() for answer in [held, *answers]]
    assert found == [[2], [2], [6], [6], [8]]
    assert (sums.runs, others.runs) == ([[1, 4], [2]], [[3]])


@in_a_loop
async def test_inputs_are_told_apart_by_name_whatever_their_order(make_batcher):
    batcher, sums = make_batcher(timeout_s=0), Sums()
    holder, _ = await busy(batcher)
    narrow, wide = np.ones((1, 2), np.float32), np.ones((1, 3), np.float32)
    answers = [
        ask(batcher, sums, {"x": narrow, "y": wide}),
        ask(batcher, sums, {"y": narrow, "x": wide}),
        ask(batcher, sums, {"y": wide, "x": narrow}),
    ]
    await until_queued()
    holder.gate.set()
    found = [(await answer)["sum"].tolist() for answer in answers]
    assert found == [[5], [5], [5]]
    assert sums.runs == [[1, 1], [1]]


@in_a_loop
async def test_a_large_request_is_cut_and_put_together_in_order(make_batcher):
    batcher, sums = make_batcher(timeout_s=0, threads=2), Sums()
    answer = await batcher.run(sums, columns(*range(10)))
    assert answer["sum"].tolist() == list(range(0, 20, 2))
    assert sorted(sums.runs) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@in_a_loop
async def test_an_error_counts_the_rows_of_the_whole_request(make_batcher):
    batcher, sums = make_batcher(timeout_s=0), Sums()
    for bad in (0, 5, 9):
        rows = [-1 if row == bad else row for row in range(10)]
        error = await refusal(batcher.run(sums, columns(*rows)))
        assert error.code == "INVALID_ARGUMENT"
        assert error.message == f"x[{bad}] is below zero"


@in_a_loop
async def test_a_bad_request_does_not_fail_its_neighbours(make_batcher):
    batcher, sums = make_batcher(), Sums()
    good, bad, other = [
        ask(batcher, sums, columns(*values)) for values in ((1,), (2, -1), (3,))
    ]
    assert (await refusal(bad)).message == "x[1] is below zero"
    assert (await good)["sum"].tolist() == [2]
    assert (await other)["sum"].tolist() == [6]
    # Together, and then each by itself.
    assert sums.runs == [[1, 2, -1, 3], [1], [2, -1], [3]]


@in_a_loop
async def test_a_graph_that_does_not_keep_the_rows_runs_each_request_alone(
    make_batcher,
):
    class First(Sums):
        def run(self, inputs):
            return {"sum": super().run(inputs)["sum"][:1]}

    batcher, first = make_batcher(), First()
    answers = [ask(batcher, first, columns(*values)) for values in ((1, 2), (3, 4))]
    assert [(await answer)["sum"].tolist() for answer in answers] == [[2], [6]]
    assert first.runs == [[1, 2, 3, 4], [1, 2], [3, 4]]


@in_a_loop
async def test_who_has_gone_away_is_not_run(make_batcher):
    batcher, sums = make_batcher(), Sums()
    gone = ask(batcher, sums, columns(1, 2))
    await until_queued()
    gone.cancel()
    # At once, before the loop has told the batcher.
    answer = await batcher.run(sums, columns(3, 4))
    assert answer["sum"].tolist() == [6, 8]
    assert sums.runs == [[3, 4]]


@in_a_loop
async def test_who_has_gone_away_does_not_fill_a_batch(make_batcher):
    batcher, sums = make_batcher(), Sums()
    gone = ask(batcher, sums, columns(1, 2, 3))
    await until_queued()
    gone.cancel()
    await until_queued()
    first = ask(batcher, sums, columns(4))
    await until_queued()
    assert sums.runs == []
    second = ask(batcher, sums, columns(5, 6, 7))
    assert (await first)["sum"].tolist() == [8]
    assert (await second)["sum"].tolist() == [10, 12, 14]
    assert sums.runs == [[4, 5, 6, 7]]


@in_a_loop
async def test_a_large_request_that_has_gone_away_leaves_no_part(make_batcher):
    batcher, sums = make_batcher(timeout_s=0), Sums()
    holder, held = await busy(batcher)
    gone = ask(batcher, sums, columns(*range(10)))
    await until_queued()
    gone.cancel()
    holder.gate.set()
    await held
    assert (await batcher.run(sums, columns(5)))["sum"].tolist() == [10]
    assert sums.runs == [[5]]


@in_a_loop
async def test_a_full_queue_refuses_until_it_has_run(make_batcher):
    batcher, sums = make_batcher(timeout_s=0, max_queued_batches=1), Sums()
    for _ in range(3):  # A count that never fell would refuse the second time.
        holder, held = await busy(batcher)
        waiting = ask(batcher, sums, columns(1, 2, 3))
        last = ask(batcher, sums, columns(4))
        await until_queued()
        error = await refusal(batcher.run(sums, columns(5)))
        assert (error.code, error.http_status) == ("UNAVAILABLE", 503)
        assert "queue is full" in error.message
        holder.gate.set()
        await asyncio.gather(held, waiting, last)
    assert sums.runs == [[1, 2, 3, 4]] * 3


@in_a_loop
async def test_who_has_gone_away_makes_room_in_a_full_queue(make_batcher):
    batcher, sums = make_batcher(timeout_s=0, max_queued_batches=1), Sums()
    holder, _ = await busy(batcher)
    gone = ask(batcher, sums, columns(1, 2, 3, 4))
    await until_queued()
    assert (await refusal(batcher.run(sums, columns(5)))).code == "UNAVAILABLE"
    gone.cancel()
    await until_queued()
    answer = ask(batcher, sums, columns(6))
    await until_queued()
    holder.gate.set()
    assert (await answer)["sum"].tolist() == [12]
    assert sums.runs == [[6]]


@pytest.mark.parametrize("batches", [False, True])
@in_a_loop
async def test_what_has_no_common_rows_runs_alone_and_at_once(make_batcher, batches):
    batcher, sums = make_batcher(), Sums(batches)
    inputs = [columns(1, 2), columns(3, 4)]
    if batches:
        # A batch of two and one of one, which only the graph may put together.
        for one in inputs:
            one["y"] = np.zeros((1, 1), np.float32)
    answers = [ask(batcher, sums, one) for one in inputs]
    assert [(await answer)["sum"].tolist() for answer in answers] == [[2, 4], [6, 8]]
    assert sums.runs == [[1, 2], [3, 4]]


@in_a_loop
async def test_as_many_batches_run_at_a_time_as_there_are_threads(make_batcher):
    batcher, sums = make_batcher(timeout_s=0, threads=2), Sums()
    first, first_answer = await busy(batcher)
    second, second_answer = await busy(batcher)
    third = ask(batcher, sums, columns(3))
    await until_queued()
    assert sums.runs == []
    second.gate.set()
    assert (await second_answer)["sum"].tolist() == [2]
    assert (await third)["sum"].tolist() == [6]
    assert not first_answer.done()
    first.gate.set()
    await first_answer


@in_a_loop
async def test_any_other_error_is_internal_and_frees_the_thread(make_batcher, caplog):
    class Broken(Sums):
        def run(self, inputs):
            raise RuntimeError("out of order")

    batcher = make_batcher(timeout_s=0)
    for _ in range(2):
        error = await refusal(batcher.run(Broken(), columns(1)))
        assert error.code == "INTERNAL"
        assert error.message == "RuntimeError: out of order"
    assert "a batch failed" in caplog.text
    assert (await batcher.run(Sums(), columns(1)))["sum"].tolist() == [2]


@in_a_loop
async def test_closed_it_answers_what_runs_and_refuses_the_rest(make_batcher):
    batcher, sums = make_batcher(), Sums()
    holder, held = await busy(batcher)
    waiting = ask(batcher, sums, columns(1))
    gone = ask(batcher, sums, columns(2))
    await until_queued()
    gone.cancel()
    batcher.close()
    assert (await refusal(waiting)).code == "UNAVAILABLE"
    assert (await refusal(batcher.run(sums, columns(3)))).code == "UNAVAILABLE"
    holder.gate.set()
    assert (await held)["sum"].tolist() == [2]
    assert sums.runs == []
    for thread in threading.enumerate():
        if thread.name.startswith("run_"):
            thread.join(10)
            assert not thread.is_alive()


@in_a_loop
async def test_the_metrics_count_batches_rows_and_waits(make_batcher):
    metrics = Metrics()
    batcher = make_batcher(metrics)
    await asyncio.gather(
        *(batcher.run(Sums(batches=False), columns(n)) for n in range(2))
    )
    sums = Sums()
    await asyncio.gather(*(batcher.run(sums, columns(n, n)) for n in range(2)))
    page = metrics.page().decode()
    for line in (
        "batching_session:processed_batch_size_count 3.0",
        "batching_session:processed_batch_size_sum 6.0",
        "batching_session:queuing_latency_count 4.0",
        "runtime_latency_count 3.0",
    ):
        assert f":tensorflow:serving:{line}\n" in page
