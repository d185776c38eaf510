"""Who waits for `Batcher`, who has gone away, and who is refused."""

import asyncio
import threading

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


@in_a_loop
async def test_who_has_gone_away_is_not_run():
    batcher, sums = make_batcher(), Sums()
    gone = ask(batcher, sums, columns(1, 2))
    await until_queued()
    gone.cancel()
    # At once, before the loop has told the batcher.
    answer = await batcher.run(sums, columns(3, 4))
    assert answer["sum"].tolist() == [6, 8]
    assert sums.runs == [[3, 4]]


@in_a_loop
async def test_who_has_gone_away_does_not_fill_a_batch():
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
async def test_a_large_request_that_has_gone_away_leaves_no_part():
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
async def test_a_full_queue_refuses_until_it_has_run():
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
async def test_who_has_gone_away_makes_room_in_a_full_queue():
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


@in_a_loop
async def test_as_many_batches_run_at_a_time_as_there_are_threads():
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
async def test_any_other_error_is_internal_and_frees_the_thread(caplog):
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
async def test_closed_it_answers_what_runs_and_refuses_the_rest():
    others = set(threading.enumerate())
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
    for thread in set(threading.enumerate()) - others:
        thread.join(10)
        assert not thread.is_alive()
