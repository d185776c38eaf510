"""The memory of `keras-twins embed --ray=local` as the list of files grows.

    python -m benchmarks.embed_memory [--listed=100000,1000000]

The files are links to a hundred generated PNG files, and the model is small, so that a
million take minutes. It prints the largest resident memory of the process that lists
files, hands them out and writes embeddings. The workers are processes of their own.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from benchmarks.embed_kill import export, generate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listed", default="100000,1000000")
    counts = [int(text) for text in parser.parse_args().listed.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        export(root / "embedder")
        peaks = [measure(root, count) for count in counts]
    print(f"memory of the last by that of the first: {peaks[-1] / peaks[0]:.3f}")


def measure(folder, count):
    """The most memory of one run, in MiB."""
    root = folder / str(count)
    root.mkdir()
    names = root / "list.txt"
    names.write_text("\n".join(generate(root / "files", count)))
    began = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "keras_twins.commands.embed", "--ray=local"),
            *(f"--model_dir={folder}/embedder", "--batch_size=256"),
            *(f"--files_from={names}", f"--output={root}/embeddings/"),
        ],
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("the command failed")
    peak = used.ru_maxrss / 1024
    seconds = time.monotonic() - began
    print(f"{count:,} files: {peak:.0f} MiB, {seconds:.0f} s", flush=True)
    return peak


if __name__ == "__main__":
    main()
