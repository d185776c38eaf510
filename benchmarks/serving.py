"""The server beside the model alone: throughput, latency, memory, a change of versions.

    python -m benchmarks.serving [--requests=100000] [--image_size=32] [--rounds=3]

A ResNet-18 embeds JPEG bytes. The model alone runs in a process of its own at several
batch sizes; the server runs in another and is asked by 32 connections. The two take
turns, so that whatever else the machine does touches both.
"""

import asyncio
import io
import multiprocessing
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags
from PIL import Image

from benchmarks.serving_sides import MODEL, Alone, Load, Server, export

_REQUESTS = flags.DEFINE_integer("requests", 100_000, "Requests for the memory bar.", 0)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 32, "Side of the pictures, in pixels.")
_CONNECTIONS = flags.DEFINE_integer("connections", 32, "Requests at a time.", 1)
_SECONDS = flags.DEFINE_float("seconds", 5.0, "Seconds per side and round.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds; the medians are shown.", 1)

BATCH_SIZES = (8, 16, 32, 64)


def main(_):
    with tempfile.TemporaryDirectory() as folder:
        model_dir = pathlib.Path(folder) / MODEL
        context = multiprocessing.get_context("spawn")
        for seed in (1, 2):
            size = _IMAGE_SIZE.value
            process = context.Process(target=export, args=(model_dir, seed, size))
            process.start()
            process.join()
        newer = pathlib.Path(folder) / "newer"
        (model_dir / "2").rename(newer)
        jpegs = _jpegs()
        alone = Alone(context, model_dir / "1", jpegs)
        _print_start(model_dir, jpegs)
        server = Server(model_dir, jpegs)
        try:
            rate = _print_throughput(alone, server)
            alone.close()
            _print_latency(server, rate / 2)
            _print_swap(server, newer, model_dir)
            _print_memory(server)
        finally:
            server.close()


def _print_start(model_dir, jpegs):
    tensorflow, ready = [], []
    for _ in range(_ROUNDS.value):
        tensorflow.append(_import_seconds())
        server = Server(model_dir, jpegs)
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
    load, end = Load(server), time.perf_counter() + _SECONDS.value
    start = time.perf_counter()
    asyncio.run(load.closed(_CONNECTIONS.value, lambda: time.perf_counter() < end))
    return len(load.latencies) / (time.perf_counter() - start)


def _print_latency(server, rate):
    quantiles = []
    for _ in range(_ROUNDS.value):
        load = Load(server)
        asyncio.run(load.open(rate, 3 * _SECONDS.value))
        quantiles.append(1e3 * np.quantile(load.latencies, [0.5, 0.99]))
    p50, p99 = np.median(quantiles, axis=0)
    ratio = np.median([slow / usual for usual, slow in quantiles])
    print(
        f"at {rate:.0f} requests/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"p99 / p50: {ratio:.2f} (bar: 3), median of {len(quantiles)} rounds"
    )


def _print_swap(server, newer, model_dir):
    load, done = Load(server), False

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
    load, total = Load(server), _REQUESTS.value
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


def _jpegs():
    generator, size = np.random.default_rng(0), _IMAGE_SIZE.value
    jpegs = []
    for _ in range(64):
        file = io.BytesIO()
        pixels = generator.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(file, "JPEG")
        jpegs.append(file.getvalue())
    return jpegs


if __name__ == "__main__":
    app.run(main)
