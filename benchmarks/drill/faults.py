"""Faults of a training: each function inflicts one and says what was lost."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np

EPOCHS = 6
EVERY_STEPS = 2
_SECONDS = 240
_COMMAND = [
    *(
        sys.executable,
        "-m",
        "keras_twins.commands.cli",
        "train",
        "--config=configs/digits.py",
    ),
    *("--config.encoder.widths=(8,)", "--config.encoder.depths=(1,)"),
    *("--config.projector=(32,32)", f"--config.epochs={EPOCHS}"),
    "--config.evaluation.every_epochs=3",
    f"--config.checkpoint.every_steps={EVERY_STEPS}",
]


class Lost(Exception):
    """What should have survived a fault and did not."""


def start(workdir, *overrides, command=(), environment=None):
    return subprocess.Popen(
        [*command, *_COMMAND, f"--workdir={workdir}", *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )


def expect(process, status):
    """Waits for the end of a process; its output and its last line of error."""
    output, error = process.communicate(timeout=_SECONDS)
    if process.returncode != status or "Traceback" in error:
        raise Lost(f"ended with {process.returncode}, not {status}: {error[-300:]}")
    return output, (error.strip().splitlines() or [""])[-1]


def leave_alone(workdir):
    expect(start(workdir), 0)


def wait_for_checkpoints(process, workdir, count):
    """Waits until so many checkpoints have been written, of which the last is seen."""
    seen = set()
    deadline = time.monotonic() + _SECONDS
    while len(seen) < count and process.poll() is None:
        seen |= {path.name for path in workdir.glob("checkpoints/epoch-*.npz")}
        time.sleep(0.01)
        if time.monotonic() > deadline:
            raise Lost("no checkpoint came")


def finish(folder, workdir):
    """Lets the run end, and compares it with the one that was left alone."""
    output, _ = expect(start(workdir), 0)
    compare(folder / "undisturbed", workdir)
    return output


def compare(undisturbed, workdir):
    """Weights, optimizer and metrics of two runs that have ended, bit for bit."""
    ends = [
        next((place / "checkpoints").glob(f"epoch-{EPOCHS:05d}-step-0000000.npz"))
        for place in (undisturbed, workdir)
    ]
    first, second = (dict(np.load(path)) for path in ends)
    for name, value in first.items():
        if value.tobytes() != second[name].tobytes():
            raise Lost(f"the bits of {name}")
    if _metrics(undisturbed) != _metrics(workdir):
        raise Lost("lines of metrics.jsonl")


def _metrics(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    return [{k: v for k, v in line.items() if "seconds" not in k} for line in lines]


def killed_with_SIGKILL_twice_at_random_moments(folder, turn):
    workdir = folder / f"killed-{turn}"
    for _ in range(2):
        process = start(workdir)
        wait_for_checkpoints(process, workdir, random.randint(1, 8))
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.communicate()
    finish(folder, workdir)
    return f"at most {EVERY_STEPS} steps, done again; no bit of the result"


def stopped_with_SIGTERM(folder, turn):
    workdir = folder / f"stopped-{turn}"
    process = start(workdir)
    wait_for_checkpoints(process, workdir, random.randint(1, 8))
    process.send_signal(signal.SIGTERM)
    _, line = expect(process, 75)
    found = re.search(r"stopped as asked, at (.*): the same", line)
    if not found or f"going on after {found[1]}" not in finish(folder, workdir):
        raise Lost(f"the step it was stopped after: {line}")
    return "nothing"


def a_full_disk(folder, turn):
    """A file system of its own in memory, where this may be made; else a limit."""
    workdir = folder / f"full-{turn}"
    workdir.mkdir()
    mount = f"mount -t tmpfs -o size={random.randrange(150, 400)}k none {workdir}"
    may = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True)
    if may.returncode:
        prefix = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh"]
        _, line = expect(start(workdir, command=prefix), 1)
    else:
        # What it has written is copied out of the small file system afterwards.
        kept = folder / f"kept-{turn}"
        script = f'{mount}; "$@"; status=$?; cp -r {workdir} {kept}; exit $status'
        prefix = ["unshare", "-m", "sh", "-c", script, "sh"]
        _, line = expect(start(workdir, command=prefix), 1)
        workdir = kept
    if "cannot be written" not in line:
        raise Lost(f"one line that says so: {line}")
    finish(folder, workdir)
    return "the steps since the last checkpoint, done again; no bit of the result"


def the_newest_checkpoint_corrupted(folder, turn):
    workdir = folder / f"corrupt-{turn}"
    process = start(workdir)
    wait_for_checkpoints(process, workdir, random.randint(2, 8))
    process.kill()
    process.communicate()
    newest = max(workdir.glob("checkpoints/epoch-*.npz"))
    contents = bytearray(newest.read_bytes())
    contents[random.randrange(len(contents))] ^= 1 << random.randrange(8)
    newest.write_bytes(contents)
    if f"passed over {newest}" not in finish(folder, workdir):
        raise Lost("the line that says so")
    return f"at most {2 * EVERY_STEPS} steps, done again; no bit of the result"


def a_second_writer(folder, turn):
    workdir = folder / f"second-{turn}"
    process = start(workdir)
    wait_for_checkpoints(process, workdir, 1)
    process.send_signal(signal.SIGSTOP)  # So that it has not ended before the second.
    _, line = expect(start(workdir), 1)
    process.send_signal(signal.SIGCONT)
    if "being written by another process" not in line:
        raise Lost(f"the one line: {line}")
    expect(process, 0)
    finish(folder, workdir)
    return "nothing"


def a_step_that_is_not_finite(folder, turn):
    workdir = folder / f"infinite-{turn}"
    rate = ("--config.optimizer.learning_rate=1e30", "--config.collapse.stop=False")
    _, line = expect(start(workdir, *rate), 1)
    if not re.search(r"step \d+ of epoch \d+: .* is not finite", line):
        raise Lost(f"the step and the tensor: {line}")
    for path in workdir.glob("checkpoints/*.npz"):
        with np.load(path) as state:
            if not all(np.isfinite(value).all() for value in state.values()):
                raise Lost(f"{path.name} is not finite")
    return "nothing: the run ended with step, tensor and a finite checkpoint"


def images_that_cannot_be_read(folder, turn):
    from PIL import Image

    images = folder / f"images-{turn}"
    images.mkdir()
    for i in range(200):
        pixels = np.random.default_rng(i).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"{i}.png")
    cut = images / f"{random.randrange(200)}.png"
    cut.write_bytes(cut.read_bytes()[: random.randrange(200)])
    workdir = folder / f"bad-{turn}"
    more = (f"--config.dataset=folder:{images}", "--config.epochs=1")
    expect(start(workdir, *more, "--config.optimizer.warmup_epochs=0.0"), 0)
    listed = (workdir / "bad_images.txt").read_text().splitlines()
    if [json.loads(line)[0] for line in listed] != [str(cut)]:
        raise Lost("bad_images.txt")
    return "the image that was cut, listed in bad_images.txt"


def one_of_two_workers_lost(folder, turn):
    undisturbed = folder / "undisturbed-workers"
    if not undisturbed.exists():
        _train_on_workers(undisturbed)
    workdir = folder / f"workers-{turn}"
    workers = _workers(workdir)
    wait_for_checkpoints(workers[0], workdir, random.randint(1, 5))
    lost = workers.pop(random.randrange(2))
    lost.kill()
    lost.communicate()
    _, line = expect(workers[0], 1)
    if "another worker is gone" not in line:
        raise Lost(f"the one line: {line}")
    _train_on_workers(workdir)
    compare(undisturbed, workdir)
    return f"at most {EVERY_STEPS} steps, done again; no bit of the result"


def _train_on_workers(workdir):
    for worker in _workers(workdir):
        expect(worker, 0)


def _workers(workdir):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    found = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        found.append(
            start(
                workdir,
                "--strategy=multi_worker",
                environment={"TF_CONFIG": config},
            )
        )
    return found


FAULTS = [
    killed_with_SIGKILL_twice_at_random_moments,
    stopped_with_SIGTERM,
    a_full_disk,
    the_newest_checkpoint_corrupted,
    a_second_writer,
    a_step_that_is_not_finite,
    images_that_cannot_be_read,
    one_of_two_workers_lost,
]
