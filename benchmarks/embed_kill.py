"""`keras-twins embed` that is killed twice: what is embedded more than once.

    python -m benchmarks.embed_kill [--files=100000]

The files are links to a hundred generated PNG files. The command runs as a user runs
it, but for a count of the images that the model is given. SIGKILL ends it after about a
third and two thirds of the shards, at a random moment of the next one.
"""

import argparse
import os
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
from keras_twins.collection.shards import ROWS

_SIZE = 16  # pixels
_COMMAND = """
import os, sys
from keras_twins.commands import cli
from keras_twins.serving import local
count = os.open(sys.argv.pop(1), os.O_APPEND | os.O_WRONLY)
embed = local._Transport.embed
def counted(transport, name, encoded):
    rows = embed(transport, name, encoded)
    os.write(count, b"." * len(rows))
    return rows
local._Transport.embed = counted
cli.main("embed")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        measure(pathlib.Path(root), arguments.files)


def measure(root, count):
    paths = generate(root / "files", count)
    export(root / "embedder")
    counted, output = root / "counted", root / "embeddings"
    counted.touch()
    command = [sys.executable, "-c", _COMMAND, counted, f"--model_dir={root}/embedder"]
    command += [root / "files", f"--output={output}/"]
    print(f"{count:,} files, {ROWS:,} in a shard")
    for share in (1 / 3, 2 / 3):
        began = time.monotonic()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        kill_at = share * count + random.uniform(0, ROWS)
        while counted.stat().st_size < kill_at:
            if process.poll() is not None:
                raise RuntimeError("the command ended before it was killed")
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        shards = sum(1 for _ in output.glob("shard-*"))
        print(
            f"killed after {time.monotonic() - began:.0f} s; {shards} files of shards "
            "are whole"
        )
    began = time.monotonic()
    subprocess.run(command, check=True)
    print(f"ended after {time.monotonic() - began:.0f} s")
    again = counted.stat().st_size - count
    print(
        f"embedded more than once: {again:,}, {again / ROWS:.2f} shards for two kills"
    )
    order = kt.collection.read(output).paths == paths
    print(f"each file has one embedding, in the order of the files: {order}")


def generate(folder, count):
    """Links to a hundred pictures; gives their paths."""
    rng = np.random.default_rng(0)
    pictures = folder.parent / "pictures"
    pictures.mkdir()
    for n in range(100):
        pixels = rng.integers(0, 256, (_SIZE, _SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{n:03}.png")
    return link(sorted(pictures.iterdir()), folder, count)


def link(pictures, folder, count):
    """So many links to some pictures, a thousand in a folder; gives their paths."""
    paths = []
    for n in range(count):
        picture = pictures[n % len(pictures)]
        path = folder / f"{n // 1000:05}" / f"{n:08}{picture.suffix}"
        if n % 1000 == 0:
            path.parent.mkdir(parents=True)
        os.link(picture, path)
        paths.append(str(path))
    return paths


def export(folder):
    import keras  # It starts TensorFlow, which generating files does without.

    inputs = keras.Input((_SIZE, _SIZE, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    encoder = keras.Model(inputs, keras.layers.Dense(16)(x))
    kt.export.export_saved_model(encoder, folder, _SIZE)


if __name__ == "__main__":
    main()
