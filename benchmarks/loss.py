"""Barlow Twins' loss with its gradient: both forms beside the official formula.

    python -m benchmarks.loss [--cells=256x8192,1024x8192] [--rounds=5]

All sides of a cell are timed in turn in one process, so that their ratios hold on a
machine whose speed drifts; the peak memory of each is that of a process of its own,
above what it took before the first step. The official formula is that of
facebookresearch/barlowtwins, written in TensorFlow and, where it is installed (extra
`bench`), in PyTorch.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

BATCHES = (128, 256, 1024, 2048)
WIDTHS = (512, 2048, 8192, 32_768, 65_536)
SIDES = ("official", "correlation", "gram", "pytorch")
WEIGHT, EPS = 0.0051, 1e-5
# The matrix, its gradient, and what the framework holds meanwhile.
_MATRICES_HELD = 4


def make_step(side, n, width):
    """A function that computes loss and gradient of a side once, on fixed inputs."""
    import numpy as np

    rng = np.random.default_rng(0)
    z_a = rng.standard_normal((n, width), dtype="float32")
    z_b = z_a + rng.standard_normal((n, width), dtype="float32")
    if side == "pytorch":
        return _pytorch_step(z_a, z_b)

    import tensorflow as tf

    import keras_twins as kt

    def official(a, b):
        a, b = (
            tf.nn.batch_normalization(z, *tf.nn.moments(z, [0]), None, None, EPS)
            for z in (a, b)
        )
        c = tf.matmul(a, b, transpose_a=True) / n
        on = tf.reduce_sum((tf.linalg.diag_part(c) - 1.0) ** 2)
        flat = tf.reshape(tf.reshape(c, [-1])[:-1], (width - 1, width + 1))
        return on + WEIGHT * tf.reduce_sum(flat[:, 1:] ** 2)

    loss = official
    if side != "official":
        loss = kt.losses.BarlowTwinsLoss(WEIGHT, EPS, form=side)

    @tf.function
    def value_and_gradients(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            value = loss(a, b)
        return value, tape.gradient(value, [a, b])

    pair = tf.constant(z_a), tf.constant(z_b)

    def step():
        value, gradients = value_and_gradients(*pair)
        return float(value), float(tf.norm(gradients[0]))

    return step


def _pytorch_step(z_a, z_b):
    import torch

    pair = [torch.tensor(z, requires_grad=True) for z in (z_a, z_b)]
    n, width = z_a.shape
    norm = torch.nn.BatchNorm1d(width, affine=False)

    def step():
        c = (norm(pair[0]).T @ norm(pair[1])) / n
        on = (torch.diagonal(c) - 1).pow(2).sum()
        off = c.flatten()[:-1].view(width - 1, width + 1)[:, 1:].pow(2).sum()
        value = on + WEIGHT * off
        gradients = torch.autograd.grad(value, pair)
        return float(value), float(gradients[0].norm())

    return step


def measure_time(sides, n, width, rounds):
    """Median seconds of a step of each side; raises where the sides disagree."""
    steps = {side: make_step(side, n, width) for side in sides}
    values = {side: step() for side, step in steps.items()}
    first = next(iter(values.values()))
    for side, value in values.items():
        if any(abs(v / f - 1) > 1e-3 for v, f in zip(value, first, strict=True)):
            raise RuntimeError(f"{side} gives {value}, {sides[0]} gives {first}")
    seconds = {side: [] for side in sides}
    for _ in range(rounds):
        for side, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[side].append(time.perf_counter() - began)
    return {side: statistics.median(times) for side, times in seconds.items()}


def measure_memory(side, n, width):
    """Bytes of peak memory that two steps of a side take above its inputs."""
    step = make_step(side, n, width)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    step()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def in_process(*arguments):
    """What this program prints as JSON when it is run with the arguments."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.loss", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


def fits(side, width):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return side == "gram" or _MATRICES_HELD * 4 * width**2 < 0.6 * memory


def has_pytorch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def row(n, width, rounds):
    """One line of the table: milliseconds and MB of each side, and the ratios."""
    installed = SIDES if has_pytorch() else SIDES[:-1]
    sides = [side for side in installed if fits(side, width)]
    seconds = in_process("--time", ",".join(sides), n, width, rounds)
    memory = {side: in_process("--memory", side, n, width) for side in sides}
    cells = [
        f"{1e3 * seconds[side]:.0f} ms, {memory[side] / 1e6:.0f} MB"
        if side in sides
        else "does not fit"
        for side in installed
    ]
    ratios = [
        f"{seconds[side] / seconds['gram']:.1f}" if side in sides else "–"
        for side in installed
        if side != "gram"
    ]
    forms = [side for side in ("correlation", "gram") if side in sides]
    fastest = min(forms, key=seconds.get)
    return [f"{n}, {width}", *cells, *ratios, fastest]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", help="NxD,…; default: the whole table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--time", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.time:
        sides, *numbers = flags.time
        print(json.dumps(measure_time(sides.split(","), *map(int, numbers))))
        return
    if flags.memory:
        side, *numbers = flags.memory
        print(json.dumps(measure_memory(side, *map(int, numbers))))
        return
    cells = [(n, width) for n in BATCHES for width in WIDTHS]
    if flags.cells:
        cells = [tuple(map(int, c.split("x"))) for c in flags.cells.split(",")]
    installed = SIDES if has_pytorch() else SIDES[:-1]
    ratios = [f"{side} ÷ gram" for side in installed if side != "gram"]
    header = ["N, D", *installed, *ratios, "faster form"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    for n, width in cells:
        print(f"| {' | '.join(row(n, width, flags.rounds))} |", flush=True)


if __name__ == "__main__":
    main()
