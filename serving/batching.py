"""Gathers the requests of many clients into batches, and hands the answers back."""

import asyncio
import collections
import concurrent.futures
import dataclasses
import logging
import re
import time

import numpy as np
import tensorflow as tf

from keras_twins.serving.servable import Signature, rows
from keras_twins.serving.status import ServingError, from_tensorflow

_log = logging.getLogger(__name__)


@dataclasses.dataclass(eq=False)
class _Task:
    """Rows of one request that run together; `rows` is None if they run alone."""

    signature: Signature
    inputs: dict
    rows: int | None
    since: float
    future: asyncio.Future


class Batcher:
    """Runs signatures in threads of its own, waiting requests together.

    Requests share a run if they are for one signature of one version and their rows
    have one shape. A batch runs when a thread is free and the batch is full or its
    first row has waited for as long as the settings say. Except for the runs
    themselves, everything happens in the event loop's thread.

    Args:
        settings: `config.BatchingSettings`.
        metrics: `metrics.Metrics`.
    """

    def __init__(self, settings, metrics):
        self._settings = settings
        self._metrics = metrics
        self._free = settings.threads
        self._queues = {}
        self._queued_rows = 0
        self._timer = None
        self._closed = False
        self._executor = concurrent.futures.ThreadPoolExecutor(settings.threads, "run")

    async def run(self, signature, inputs):
        """Runs the inputs of one request, in parts if they exceed a batch.

        Args:
            signature: `Signature`, which has accepted the inputs.
            inputs: dict from name to array.

        Returns:
            dict from name to array.

        Raises:
            ServingError: if the graph refuses the inputs, too much is queued or the
                batcher is closed.
        """
        if self._closed:
            raise _stopping()
        size, most = self._settings.max_batch_size, self._settings.max_queued_batches
        if most is not None and self._queued_rows >= size * most:
            raise ServingError("UNAVAILABLE", "The batch scheduling queue is full")
        count = rows(inputs) if signature.batches else None
        if count is None or count <= size:
            return await self._enqueue(signature, inputs, count)
        starts = range(0, count, size)
        parts = [
            self._enqueue(
                signature,
                {name: array[i : i + size] for name, array in inputs.items()},
                min(size, count - i),
            )
            for i in starts
        ]
        parts = await asyncio.gather(*parts, return_exceptions=True)
        for start, part in zip(starts, parts, strict=True):
            if isinstance(part, ServingError):
                raise _with_places_of_whole(part, inputs, start)
            if isinstance(part, BaseException):
                raise part
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def close(self):
        """Refuses what waits and what comes; the threads end after what runs."""
        self._closed = True
        for queue in self._queues.values():
            for task in queue:
                if not task.future.done():
                    task.future.set_exception(_stopping())
        self._queues.clear()
        self._queued_rows = 0
        # A batch in the executor has a thread: none waits there to be cancelled.
        self._executor.shutdown(wait=False)

    def _enqueue(self, signature, inputs, count):
        future = asyncio.get_running_loop().create_future()
        task = _Task(signature, inputs, count, time.perf_counter(), future)
        # By name: two clients may send the same inputs in different orders.
        shapes = frozenset((name, array.shape[1:]) for name, array in inputs.items())
        # What runs alone has a queue of its own.
        key = task if count is None else (signature, shapes)
        self._queues.setdefault(key, collections.deque()).append(task)
        self._queued_rows += count or 0
        future.add_done_callback(lambda _: self._forget_cancelled(key, task))
        self._dispatch()
        return future

    def _forget_cancelled(self, key, task):
        """Takes a task whose client has gone away out of its queue."""
        queue = self._queues.get(key, ())
        if task.future.cancelled() and task in queue:
            queue.remove(task)
            self._queued_rows -= task.rows or 0
            if not queue:
                del self._queues[key]

    def _dispatch(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._free and self._queues:
            key = min(self._queues, key=self._ripe_at)
            wait = self._ripe_at(key) - time.perf_counter()
            if wait > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait, self._dispatch)
                return
            tasks = self._take(key)
            if tasks:
                self._start(tasks)

    def _ripe_at(self, key):
        """When a queue's next batch may run."""
        queue = self._queues[key]
        first, size = queue[0].since, self._settings.max_batch_size
        if key is queue[0] or sum(task.rows for task in queue) >= size:
            return first
        return first + self._settings.timeout_s

    def _take(self, key):
        queue, tasks, room = self._queues[key], [], self._settings.max_batch_size
        while queue and (not tasks or queue[0].rows <= room):
            task = queue.popleft()
            self._queued_rows -= task.rows or 0
            # Cancelled just now: `_forget_cancelled` is about to be called.
            if not task.future.done():
                tasks.append(task)
                room -= task.rows or 0
        if not queue:
            del self._queues[key]
        return tasks

    def _start(self, tasks):
        self._free -= 1
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor(self._executor, self._run_tasks, tasks)
        run.add_done_callback(lambda run: self._finish(tasks, run))

    def _finish(self, tasks, run):
        self._free += 1
        error = run.exception()
        if error is not None:
            _log.error("a batch failed", exc_info=error)
        for n, task in enumerate(tasks):
            if task.future.done():
                continue
            answer = error or run.result()[n]
            if isinstance(answer, ServingError):
                task.future.set_exception(answer)
            elif isinstance(answer, BaseException):
                text = f"{type(answer).__name__}: {answer}"
                task.future.set_exception(ServingError("INTERNAL", text))
            else:
                task.future.set_result(answer)
        self._dispatch()

    def _run_tasks(self, tasks):
        """Runs in a thread; gives a dict of outputs or a ServingError for each task."""
        start = time.perf_counter()
        for task in tasks:
            self._metrics.queued(start - task.since)
        answers = _answers(tasks)
        count = sum(task.rows or 1 for task in tasks)
        self._metrics.ran(count, time.perf_counter() - start)
        return answers


def _answers(tasks):
    signature = tasks[0].signature
    if len(tasks) == 1:
        try:
            return [signature.run(tasks[0].inputs)]
        except tf.errors.OpError as error:
            return [from_tensorflow(error)]
    try:
        whole = signature.run(
            {
                name: np.concatenate([task.inputs[name] for task in tasks])
                for name in tasks[0].inputs
            }
        )
        ends = np.cumsum([task.rows for task in tasks])
        if rows(whole) == ends[-1]:
            return [
                {name: array[end - task.rows : end] for name, array in whole.items()}
                for task, end in zip(tasks, ends, strict=True)
            ]
    except tf.errors.OpError:
        # One request's bad picture is not to fail the others: see below.
        pass
    return [_answers([task])[0] for task in tasks]


def _stopping():
    return ServingError("UNAVAILABLE", "The server is stopping")


def _with_places_of_whole(error, inputs, start):
    """Numbers the rows that an error names, as in `image_bytes[3]`, by the request."""
    names = "|".join(map(re.escape, inputs))
    message = re.sub(
        rf"\b({names})\[(\d+)\]",
        lambda match: f"{match[1]}[{int(match[2]) + start}]",
        error.message,
    )
    return ServingError(error.code, message)
