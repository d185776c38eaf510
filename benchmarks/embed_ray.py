"""`keras-twins embed`, plain and with `--ray=local`: files per second, and their ratio.

    python -m benchmarks.embed_ray --model_dir=DIR [--files=20000] [--rounds=2]
    python -m benchmarks.embed_ray --model_dir=DIR --kills=10 [--files=20000]

The files are links to two hundred generated JPEGs of 256 × 256 pixels. The start of
Python, TensorFlow and Ray is measured with one file, and taken off: the rates are of
the other files. With --kills the
command ends by SIGKILL at a random moment, in as many new outputs. Each file must have
one embedding after the same command has run again.
"""

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import keras_twins as kt
from benchmarks.embed_kill import link

_PICTURES = 200
_SIZE = 256  # pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", required=True)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kills", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        paths = generate(root / "files", arguments.files)
        if arguments.kills:
            kill(arguments.model_dir, root, paths, arguments.kills)
        else:
            compare(arguments.model_dir, root, paths, arguments.rounds)


def command(model_dir, output, *arguments):
    return [
        *(sys.executable, "-m", "keras_twins.commands.embed"),
        *(f"--model_dir={model_dir}", f"--output={output}/"),
        *map(str, arguments),
    ]


def compare(model_dir, root, paths, rounds):
    """Both ways in turn, first with one file, which is the start, then with all."""
    rates = {"plain": [], "--ray=local": []}
    for number in range(rounds):
        for name, taken in rates.items():
            flags = [] if name == "plain" else [name]
            outputs = [root / f"{name}-{number}-{what}" for what in ("one", "all")]
            start = timed(command(model_dir, outputs[0], paths[0], *flags))
            whole = timed(command(model_dir, outputs[1], root / "files", *flags))
            taken.append((len(paths) - 1) / (whole - start))
            print(
                f"{name}: {whole:.0f} s, of which {start:.0f} s until the first file, "
                f"{taken[-1]:.0f} files/s after that",
                flush=True,
            )
    plain, ray = (max(taken) for taken in rates.values())
    print(f"plain {plain:.0f} files/s, Ray {ray:.0f} files/s: {plain / ray:.2f} times")


def timed(arguments):
    """The seconds of a command."""
    began = time.monotonic()
    run(arguments)
    return time.monotonic() - began


def kill(model_dir, root, paths, kills):
    """Each round: a new output, one kill, the same command again."""
    right = 0
    for number in range(kills):
        output = root / f"killed-{number}"
        asked = command(model_dir, output, root / "files", "--ray=local")
        process = subprocess.Popen(
            asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not any(output.glob("shard-*")) and process.poll() is None:
            time.sleep(0.05)
        time.sleep(random.uniform(0, 3))
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = sum(1 for _ in output.glob("shard-*"))
        run(asked)
        is_right = kt.collection.read(output).paths == paths
        right += is_right
        when = "after the end" if ended else f"with {before} shards written"
        print(f"killed {when}: each file once, in order: {is_right}", flush=True)
    print(f"{right} of {kills} right")


def run(arguments):
    subprocess.run(
        arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def generate(folder, count):
    """Links to some pictures; gives their paths."""
    rng = np.random.default_rng(0)
    pictures = folder.parent / "pictures"
    pictures.mkdir()
    for n in range(_PICTURES):
        coarse = rng.integers(0, 256, (16, 16, 3), np.uint8)
        image = Image.fromarray(coarse).resize((_SIZE, _SIZE), Image.BICUBIC)
        image.save(pictures / f"{n:03}.jpg", quality=90)
    return link(sorted(pictures.iterdir()), folder, count)


if __name__ == "__main__":
    main()
