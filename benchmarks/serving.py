"""The server beside the model alone: throughput, latency, memory, a change of versions.

    python -m benchmarks.serving [--requests=100000] [--image_size=32] [--rounds=3]

A ResNet-18 embeds JPEG bytes. The model alone runs in a process of its own at several
batch sizes; the server runs in another and is asked by 32 connections. The two take
turns, so that whatever else the machine does touches both.
"""

import asyncio
import base64
import io
import json
import multiprocessing
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
from absl import app, flags
from PIL import Image

_REQUESTS = flags.DEFINE_integer("requests", 100_000, "Requests for the memory bar.", 0)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 32, "Side of the pictures, in pixels.")
_CONNECTIONS = flags.DEFINE_integer("connections", 32, "Requests at a time.", 1)
_SECONDS = flags.DEFINE_float("seconds", 5.0, "Seconds per side and round.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds; the medians are shown.", 1)

BATCH_SIZES = (8, 16, 32, 64)
MODEL = "embedder"


def main(_):
    with tempfile.TemporaryDirectory() as folder:
        model_dir = pathlib.Path(folder) / MODEL
        context = multiprocessing.get_context("spawn")
        for seed in (1, 2):
            size = _IMAGE_SIZE.value
            process = context.Process(target=_export, args=(model_dir, seed, size))
            process.start()
            process.join()
        newer = pathlib.Path(folder) / "newer"
        (model_dir / "2").rename(newer)
        alone = Alone(context, model_dir / "1", _jpegs())
        _print_start(model_dir)
        server = Server(model_dir)
        try:
            rate = _print_throughput(alone, server)
            alone.close()
            _print_latency(server, rate / 2)
            _print_swap(server, newer, model_dir)
            _print_memory(server)
        finally:
            server.close()


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

    def __init__(self, model_dir):
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

    def __init__(self, port):
        self.latencies, self.failed = [], 0
        self._port = port
        jpegs = [base64.b64encode(jpeg).decode() for jpeg in _jpegs()]
        self._requests = [_request({"instances": [{"b64": jpeg}]}) for jpeg in jpegs]
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


def _print_start(model_dir):
    tensorflow, ready = [], []
    for _ in range(_ROUNDS.value):
        tensorflow.append(_import_seconds())
        server = Server(model_dir)
        server.close()
        ready.append(server.start_seconds)
    more = np.median(np.subtract(ready, tensorflow))
    print(
        f"start: ready after {np.median(ready):.1f} s; `import tensorflow` alone takes "
        f"{np.median(tensorflow):.1f} s: {more:+.1f} s (bar: 2 s)"
    )


def _import_seconds():
    start = time.perf_counter()
    command = [sys.executable, "-c", "import tensorflow; print(flush=True)"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdout.readline()
        return time.perf_counter() - start


def _print_throughput(alone, server):
    sides = {f"alone, batch {size}": [] for size in BATCH_SIZES}
    served = []
    # oneDNN compiles for each batch size that it meets.
    _served_rate(server)
    for _ in range(_ROUNDS.value):
        for size in BATCH_SIZES:
            rate = alone.measure(size, _SECONDS.value)
            sides[f"alone, batch {size}"].append(rate)
        served.append(_served_rate(server))
    for name, rates in sides.items():
        print(f"{name:<16} {np.median(rates):8.0f} pictures/s")
    best = np.max(list(sides.values()), axis=0)
    print(f"{'served':<16} {np.median(served):8.0f} pictures/s")
    ratio = np.median(np.array(served) / best)
    print(
        f"served / best alone: {ratio:.0%} (bar: 80 %), median of {len(served)} rounds"
    )
    return np.median(served)


def _served_rate(server):
    load, end = Load(server.port), time.perf_counter() + _SECONDS.value
    start = time.perf_counter()
    asyncio.run(load.closed(_CONNECTIONS.value, lambda: time.perf_counter() < end))
    return len(load.latencies) / (time.perf_counter() - start)


def _print_latency(server, rate):
    quantiles = []
    for _ in range(_ROUNDS.value):
        load = Load(server.port)
        asyncio.run(load.open(rate, 3 * _SECONDS.value))
        quantiles.append(1e3 * np.quantile(load.latencies, [0.5, 0.99]))
    p50, p99 = np.median(quantiles, axis=0)
    ratio = np.median([slow / usual for usual, slow in quantiles])
    print(
        f"at {rate:.0f} requests/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"p99 / p50: {ratio:.2f} (bar: 3), median of {len(quantiles)} rounds"
    )


def _print_swap(server, newer, model_dir):
    load, done = Load(server.port), False

    async def swap():
        nonlocal done
        await asyncio.sleep(1)
        shutil.move(newer, model_dir / "2")
        while await asyncio.to_thread(server.states) != {1: "END", 2: "AVAILABLE"}:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        done = True

    async def both():
        await asyncio.gather(swap(), load.closed(_CONNECTIONS.value, lambda: not done))

    asyncio.run(both())
    print(
        f"change of versions under load: {load.failed} of {len(load.latencies)} "
        "requests failed (bar: 0)"
    )


def _print_memory(server):
    load, total = Load(server.port), _REQUESTS.value
    seen = {}

    def more():
        count = len(load.latencies)
        # What is allocated once has been by the first tenth.
        for share in (0.1, 0.55, 1.0):
            if count >= share * total:
                seen.setdefault(share, server.memory_mib())
        return count < total

    asyncio.run(load.closed(_CONNECTIONS.value, more))
    more()
    first, *_, last = seen.values()
    print(
        f"memory over {total} requests, {load.failed} failed: "
        + ", ".join(f"{mib:.0f} MiB at {share:.0%}" for share, mib in seen.items())
        + f": {last / first - 1:+.1%} (bar: 5 %)"
    )


def _export(model_dir, seed, image_size):
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


def _jpegs():
    generator, size = np.random.default_rng(0), _IMAGE_SIZE.value
    jpegs = []
    for _ in range(64):
        file = io.BytesIO()
        pixels = generator.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(file, "JPEG")
        jpegs.append(file.getvalue())
    return jpegs


def _request(document):
    body = json.dumps(document).encode()
    head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    app.run(main)
