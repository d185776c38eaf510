"""A `tf.data` service for tests: in a process of its own, which can be killed."""

import contextlib
import subprocess
import sys

_SERVICE = """
import tensorflow as tf
service = tf.data.experimental.service
dispatcher = service.DispatchServer()
address = dispatcher.target.removeprefix("grpc://")
config = service.WorkerConfig(dispatcher_address=address)
workers = [service.WorkerServer(config) for _ in range(2)]
print(address, flush=True)
dispatcher.join()
"""


@contextlib.contextmanager
def running():
    """A dispatcher with two workers; gives its address.

    A worker that is closed waits, now and then for ever, for what it has begun. So the
    process is killed.
    """
    command = [sys.executable, "-c", _SERVICE]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield f"grpc://{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()
