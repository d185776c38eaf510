"""The two sides of the serving benchmark, and the load that is put on one of them."""

import asyncio
import base64
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

import numpy as np

MODEL = "embedder"


class Alone:
    """The model in a process of its own, asked without a server."""

    def __init__(self, context, version, jpegs):
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, version, jpegs))
        self._process.start()
        self._pipe.recv()

    def measure(self, batch_size, seconds):
        """Returns pictures/s."""
        self._pipe.send((batch_size, seconds))
        return self._pipe.recv()

    def close(self):
        self._pipe.send(None)
        self._process.join()


class Server:
    """`keras-twins serve` in a process of its own, as a user starts it."""

    def __init__(self, model_dir, jpegs):
        self.jpegs = jpegs
        command = [sys.executable, "-m", "keras_twins.commands.serve", "--rest_port=0"]
        command += ["--grpc_port=0", f"--model_dir={model_dir}", "--poll_seconds=0.2"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        start = time.perf_counter()
        for line in self._process.stdout:
            if found := re.search(r"REST at http://127.0.0.1:(\d+)/", line):
                self.port = int(found[1])
                break
        self.start_seconds = time.perf_counter() - start

    def states(self):
        """The state of each version, as a dict."""
        url = f"http://127.0.0.1:{self.port}/v1/models/{MODEL}"
        with urllib.request.urlopen(url) as response:
            versions = json.load(response)["model_version_status"]
        return {int(v["version"]): v["state"] for v in versions}

    def memory_mib(self):
        """What the process holds in memory, in MiB."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def close(self):
        self._process.terminate()
        self._process.wait()


class Load:
    """Requests for one picture each, and what came of them.

    Attributes:
        latencies: list of seconds from when a request was due to its answer.
        failed: int. Answers other than 200, and connections that broke.
    """

    def __init__(self, server):
        self.latencies, self.failed = [], 0
        self._port = server.port
        jpegs = [base64.b64encode(jpeg).decode() for jpeg in server.jpegs]
        self._requests = [request({"instances": [{"b64": jpeg}]}) for jpeg in jpegs]
        self._sent = 0

    async def closed(self, connections, until):
        """Each connection asks again once it has its answer, while `until()` is so."""

        async def ask():
            streams = await asyncio.open_connection("127.0.0.1", self._port)
            while until():
                await self._ask(streams, time.perf_counter())
            streams[1].close()

        await asyncio.gather(*(ask() for _ in range(connections)))

    async def open(self, rate, seconds):
        """Requests come at random times, whether or not others are answered."""
        generator, idle, tasks = np.random.default_rng(0), [], set()

        async def ask(due):
            streams = (
                idle.pop()
                if idle
                else await asyncio.open_connection("127.0.0.1", self._port)
            )
            await self._ask(streams, due)
            idle.append(streams)

        due = time.perf_counter()
        end = due + seconds
        while (due := due + generator.exponential(1 / rate)) < end:
            await asyncio.sleep(max(0, due - time.perf_counter()))
            task = asyncio.create_task(ask(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def _ask(self, streams, due):
        reader, writer = streams
        writer.write(self._requests[self._sent % len(self._requests)])
        self._sent += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.failed += 1
            return
        self.failed += not head.startswith(b"HTTP/1.1 200 ")
        self.latencies.append(time.perf_counter() - due)


def export(model_dir, seed, image_size):
    from keras_twins.commands.startup import start_tensorflow

    start_tensorflow()
    import keras

    import keras_twins as kt

    keras.utils.set_random_seed(seed)
    encoder = kt.models.resnet18((image_size, image_size, 3), stem="cifar")
    kt.export.export_saved_model(encoder, model_dir, image_size)


def _run(pipe, version, jpegs):
    from keras_twins.commands.startup import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        size, seconds = asked
        batch = tf.constant([jpegs[n % len(jpegs)] for n in range(size)])
        signature(image_bytes=batch)
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            signature(image_bytes=batch)["embedding"].numpy()
            count += size
        pipe.send(count / elapsed)


def request(document):
    body = json.dumps(document).encode()
    head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
