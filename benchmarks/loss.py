"""Losses with their gradients: our forms beside the formulas of the papers' codes.

    python -m benchmarks.loss [--loss=vicreg] [--cells=256x8192,1024x8192] [--rounds=5]

All sides of a cell are timed in turn in one process, so that their ratios hold on a
machine whose speed drifts; the peak memory of each is that of a process of its own,
above what it took before the first step. The formulas (`benchmarks/loss_sides.py`) are
written in TensorFlow and, where it is installed (extra `bench`), in PyTorch.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from benchmarks import loss_sides

BATCHES = (128, 256, 1024, 2048)
WIDTHS = (512, 2048, 8192, 32_768, 65_536)
# The matrix, its gradient, and what the framework holds meanwhile.
_MATRICES_HELD = 4


def make_step(name, side, n, width):
    """A function that computes loss and gradient of a side once, on fixed inputs."""
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((loss_sides.count_views(name), n, width), "float32")
    views = [drawn[0], *(drawn[0] + noise for noise in drawn[1:])]
    if side == "pytorch":
        return _pytorch_step(name, views)

    import tensorflow as tf

    if side in ("official", "width features"):
        loss = loss_sides.reference(name, side, width, loss_sides.TensorFlow())
    else:
        loss = loss_sides.ours(name, side)

    @tf.function
    def value_and_gradients(*views):
        with tf.GradientTape() as tape:
            tape.watch(views)
            value = loss(*views)
        return value, tape.gradient(value, views)

    tensors = [tf.constant(view) for view in views]

    def step():
        value, gradients = value_and_gradients(*tensors)
        return float(value), float(tf.norm(gradients[0]))

    return step


def _pytorch_step(name, views):
    import torch

    tensors = [torch.tensor(view, requires_grad=True) for view in views]
    width = views[0].shape[1]
    loss = loss_sides.reference(name, "pytorch", width, loss_sides.PyTorch())

    def step():
        value = loss(*tensors)
        gradients = torch.autograd.grad(value, tensors, materialize_grads=True)
        return float(value), float(gradients[0].norm())

    return step


def measure_time(name, sides, n, width, rounds):
    """Median seconds of a step of each side; raises where the sides disagree."""
    steps = {side: make_step(name, side, n, width) for side in sides}
    values = {side: step() for side, step in steps.items()}
    first = next(iter(values.values()))
    for side, value in values.items():
        if loss_sides.agree(name) and any(
            abs(v / f - 1) > 1e-3 for v, f in zip(value, first, strict=True)
        ):
            raise RuntimeError(f"{side} gives {value}, {sides[0]} gives {first}")
    seconds = {side: [] for side in sides}
    for _ in range(rounds):
        for side, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[side].append(time.perf_counter() - began)
    return {side: statistics.median(times) for side, times in seconds.items()}


def measure_memory(name, side, n, width):
    """Bytes of peak memory that two steps of a side take above its inputs."""
    step = make_step(name, side, n, width)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    step()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def in_process(name, *arguments):
    """What this program prints as JSON when it is run with the arguments."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.loss", f"--loss={name}"]
    command += map(str, arguments)
    done = subprocess.run(command, env=environment, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


def fits(name, side, width):
    if not loss_sides.holds_a_matrix_of_the_width(name, side):
        return True
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _MATRICES_HELD * 4 * width**2 < 0.6 * memory


def has_pytorch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def installed(name):
    """The sides of a loss that can be run, and the one that ratios are taken to."""
    *sides, ours, pytorch = loss_sides.SIDES[name]
    return [*sides, ours, *([pytorch] if has_pytorch() else [])], ours


def row(name, n, width, rounds):
    """One line of the table: milliseconds and MB of each side, and the ratios."""
    shown, ours = installed(name)
    sides = [side for side in shown if fits(name, side, width)]
    seconds = in_process(name, "--time", ",".join(sides), n, width, rounds)
    memory = {side: in_process(name, "--memory", side, n, width) for side in sides}
    cells = [
        f"{1e3 * seconds[side]:.0f} ms, {memory[side] / 1e6:.0f} MB"
        if side in sides
        else "does not fit"
        for side in shown
    ]
    ratios = [
        f"{seconds[side] / seconds[ours]:.1f}" if side in sides else "–"
        for side in shown
        if side != ours
    ]
    return [f"{n}, {width}", *cells, *ratios, *fastest_form(seconds)]


def fastest_form(seconds):
    """A cell that names the faster of our forms, where a loss has them."""
    forms = [side for side in ("correlation", "gram") if side in seconds]
    return [min(forms, key=seconds.get)] if forms else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", choices=loss_sides.SIDES, default="barlow_twins")
    parser.add_argument("--cells", help="NxD,…; default: the whole table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--time", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.time:
        sides, *numbers = flags.time
        sides = sides.split(",")
        print(json.dumps(measure_time(flags.loss, sides, *map(int, numbers))))
        return
    if flags.memory:
        side, *numbers = flags.memory
        print(json.dumps(measure_memory(flags.loss, side, *map(int, numbers))))
        return
    cells = [(n, width) for n in BATCHES for width in WIDTHS]
    if flags.cells:
        cells = [tuple(map(int, c.split("x"))) for c in flags.cells.split(",")]
    shown, ours = installed(flags.loss)
    ratios = [f"{side} ÷ {ours}" for side in shown if side != ours]
    form = ["faster form"] if "gram" in shown else []
    header = ["N, D", *shown, *ratios, *form]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    for n, width in cells:
        cells = row(flags.loss, n, width, flags.rounds)
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
