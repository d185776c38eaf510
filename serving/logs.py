"""Logs as lines of JSON that never hold up the server."""

import json
import logging
import logging.handlers
import queue
import threading
import time

_LINES_WAITING = 10_000
# What a record has by itself; anything else was given with `extra`.
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def start_logging(stream):
    """Writes what the server logs to a stream, a JSON object a line.

    A thread writes, and lines are dropped when thousands wait: whoever reads the
    stream may stop reading.

    Args:
        stream: text file, such as `sys.stderr`.

    Returns:
        function that waits until what was logged is written, a second at most.
    """
    waiting = queue.Queue(_LINES_WAITING)
    handler = _Handler(waiting)
    handler.setFormatter(_JsonFormatter())
    for name in ("keras_twins.serving", "aiohttp", "asyncio", "grpc"):
        logger = logging.getLogger(name)
        # Not to the root as well, whose handler is absl's and writes other lines.
        logger.handlers, logger.propagate = [handler], False
    logging.getLogger("keras_twins.serving").setLevel(logging.INFO)
    # What it calls errors, with a traceback, is what strangers send.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)

    def write():
        while (line := waiting.get()) is not None:
            print(line, file=stream, flush=True)

    thread = threading.Thread(target=write, name="logs", daemon=True)
    thread.start()

    def finish():
        handler.enqueue(None)
        thread.join(timeout=1)

    return finish


class _Handler(logging.handlers.QueueHandler):
    def prepare(self, record):
        return self.format(record)

    def enqueue(self, line):
        try:
            self.queue.put_nowait(line)
        except queue.Full:
            pass


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "severity": record.levelname,
            "message": record.getMessage(),
        }
        line.update((k, v) for k, v in vars(record).items() if k not in _OWN)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
