"""What `Batcher` runs together, and what each request is given of it."""

import asyncio

import numpy as np
import pytest
from sums import (
    Sums,
    ask,
    busy,
    columns,
    in_a_loop,
    make_batcher,
    refusal,
    until_queued,
)

from keras_twins.serving.metrics import Metrics


@in_a_loop
async def test_a_full_batch_runs_at_once():
    batcher, sums = make_batcher(), Sums()
    answers = [ask(batcher, sums, columns(n)) for n in range(4)]
    found = [(await answer)["sum"].tolist() for answer in answers]
    assert found == [[0], [2], [4], [6]]
    assert sums.runs == [[0, 1, 2, 3]]


@in_a_loop
async def test_a_lone_row_waits_for_the_timeout_and_then_runs():
    batcher, sums = make_batcher(timeout_s=0.05), Sums()
    loop = asyncio.get_running_loop()
    start = loop.time()
    answer = ask(batcher, sums, columns(3))
    await until_queued()
    assert sums.runs == []
    assert (await answer)["sum"].tolist() == [6]
    assert loop.time() - start >= 0.05


@in_a_loop
async def test_rows_that_do_not_fit_wait_for_the_next_batch():
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
async def test_a_batch_has_rows_of_one_shape_and_one_signature():
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
async def test_inputs_are_told_apart_by_name_whatever_their_order():
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
async def test_a_large_request_is_cut_and_put_together_in_order():
    batcher, sums = make_batcher(timeout_s=0, threads=2), Sums()
    answer = await batcher.run(sums, columns(*range(10)))
    assert answer["sum"].tolist() == list(range(0, 20, 2))
    assert sorted(sums.runs) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@in_a_loop
async def test_an_error_counts_the_rows_of_the_whole_request():
    batcher, sums = make_batcher(timeout_s=0), Sums()
    for bad in (0, 5, 9):
        rows = [-1 if row == bad else row for row in range(10)]
        error = await refusal(batcher.run(sums, columns(*rows)))
        assert error.code == "INVALID_ARGUMENT"
        assert error.message == f"x[{bad}] is below zero"


@in_a_loop
async def test_a_bad_request_does_not_fail_its_neighbours():
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
async def test_a_graph_that_does_not_keep_the_rows_runs_each_request_alone():
    class First(Sums):
        def run(self, inputs):
            return {"sum": super().run(inputs)["sum"][:1]}

    batcher, first = make_batcher(), First()
    answers = [ask(batcher, first, columns(*values)) for values in ((1, 2), (3, 4))]
    assert [(await answer)["sum"].tolist() for answer in answers] == [[2], [6]]
    assert first.runs == [[1, 2, 3, 4], [1, 2], [3, 4]]


@pytest.mark.parametrize("batches", [False, True])
@in_a_loop
async def test_what_has_no_common_rows_runs_alone_and_at_once(batches):
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
async def test_the_metrics_count_batches_rows_and_waits():
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
