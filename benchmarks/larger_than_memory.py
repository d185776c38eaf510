"""`neighbours`, `select`, `explore` and `audit` on embeddings larger than memory.

    python -m benchmarks.larger_than_memory [--rows=2000000] [--dtype=float16]
    python -m benchmarks.larger_than_memory --commands=neighbours,select

It generates shards as `embed` writes them: points around 1 000 centres, 1 % of them
copies, 192 numbers each, of files that are not there. Each command is a process of its
own with 4 GB of private memory (RLIMIT_DATA), and fails where it asks for more. That is
what the system cannot put aside. The commands map embeddings from a file, whose pages
it can: these count as resident, but a process does not need them all at once.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from keras_twins.collection import parquet
from keras_twins.collection.shards import ROWS

WIDTH = 192
_CENTRES = 1000
_LIMIT = 4 * 10**9  # bytes
_COMMANDS = ("neighbours", "select", "explore", "audit")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--dtype", default="float16", choices=("float16", "float32"))
    parser.add_argument("--commands", default=",".join(_COMMANDS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        generate(root / "shards", arguments.rows, arguments.dtype)
        size = sum(path.stat().st_size for path in (root / "shards").iterdir())
        print(
            f"{arguments.rows:,} x {WIDTH} {arguments.dtype}: {size / 1e9:.2f} GB on "
            f"the disk, {4 * WIDTH * arguments.rows / 1e9:.2f} GB as float32",
            flush=True,
        )
        failed = [name for name in arguments.commands.split(",") if not run(name, root)]
    if failed:
        sys.exit(f"failed within {_LIMIT / 1e9:.0f} GB: {', '.join(failed)}")


def generate(folder, count, dtype):
    """Writes shards; the last 1 % of each are copies of its first rows."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(_CENTRES, WIDTH)).astype(np.float32)
    folder.mkdir()
    for number, start in enumerate(range(0, count, ROWS)):
        size = min(ROWS, count - start)
        rows = centres[rng.integers(_CENTRES, size=size)]
        rows += rng.standard_normal((size, WIDTH), np.float32)
        copies = size // 100
        rows[size - copies :] = rows[:copies]
        names = [f"gone/{row % 12}/{row}.png" for row in range(start, start + size)]
        table = pa.table(
            {
                "path": parquet.path_column(names),
                "size": pa.array(np.full(size, 1000)),
                "modified": pa.array(np.full(size, 10**18)),
                "embedding": parquet.embedding_column(rows.astype(dtype)),
            }
        )
        pyarrow.parquet.write_table(table, folder / f"shard-{number:06d}.parquet")


def run(name, root):
    """Runs one command; prints what it took, and gives whether it succeeded."""
    given = {
        "neighbours": ["gone/5/5.png", "gone/7/7.png", f"--output={root}/near.png"],
        "select": ["--count=40", f"--output={root}/to_label.csv"],
        "explore": [],
        "audit": [f"--output={root}/audit.html"],
    }[name]
    began, output = time.monotonic(), root / f"{name}.txt"
    with output.open("w") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "keras_twins.commands.cli", name),
                *(*given, f"--embeddings={root}/shards"),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
        )
    private, resident, asked, ended = 0, 0, False, 0
    while not ended:
        time.sleep(0.1)
        private = max(private, _status(process.pid, "RssAnon"))
        resident = max(resident, _status(process.pid, "VmHWM"))
        if not asked and "Ctrl-C stops" in output.read_text():
            ask(output.read_text())
            asked = True
            os.kill(process.pid, signal.SIGTERM)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
    print(
        f"{name}: {'ok' if status == 0 else 'FAILED'}, "
        f"{time.monotonic() - began:.0f} s, "
        f"{(used.ru_utime + used.ru_stime) / 60:.1f} core-minutes, "
        f"{private / 1e9:.2f} GB private, {resident / 1e9:.2f} GB resident"
    )
    for line in output.read_text().splitlines()[-5:]:
        print(f"    {line}")
    sys.stdout.flush()
    return status == 0


def limit():
    """Sets the limit, in the process of a command."""
    resource.setrlimit(resource.RLIMIT_DATA, (_LIMIT, _LIMIT))


def ask(said):
    """Asks the page of `explore`, whose address is told, for what is like a file."""
    address = next(word for word in said.split() if word.startswith("http"))
    with urllib.request.urlopen(f"{address}api/like/0") as answer:
        answer.read()


def _status(process, name):
    """Bytes that the kernel tells of a process; 0 once it has ended."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
