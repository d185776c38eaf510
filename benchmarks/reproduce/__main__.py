"""Trains and evaluates a table of configurations and seeds, and writes what came out.

    python -m benchmarks.reproduce --data_dir=/path/to/tensorflow_datasets \
      [--rows=quick] [--only=REGEX] [--seeds=0,1,2] [--runs=runs/reproduce] \
      [--minutes=60]

Each row and seed is a run of `keras-twins train` in a folder of its own. What has a
result in `results/reproduce/` is not done again; what was stopped goes on where it was.
After each run `results/table.md` is written anew; `--table` writes it and ends. After
`--minutes` no further run begins.

`--rows=note` is many short trainings in one process, by default of three seeds, for
docs/note.md; `--rows=note-full` is what a GPU must run for it. See `benchmarks/note/`.
"""

import argparse
import json
import math
import multiprocessing
import pathlib
import re
import subprocess
import sys
import time

from benchmarks.reproduce import table
from benchmarks.reproduce.outcome import evaluate
from benchmarks.reproduce.rows import GROUPS
from keras_twins.commands.startup import start_tensorflow
from keras_twins.runs.stops import EXIT_STATUS

ROOT = pathlib.Path(__file__).parent.parent.parent
RESULTS = ROOT / "results"
NOTE = ("note", "note-full")


def main():
    arguments = _arguments()
    if arguments.rows in NOTE:
        start_tensorflow()
        from benchmarks.note import driver  # It imports TensorFlow, which has started.

        driver.main(arguments, ROOT)
        return
    rows = [r for r in GROUPS[arguments.rows] if re.search(arguments.only, r.name)]
    if not rows:
        raise SystemExit(f"--only={arguments.only} matches no row of {arguments.rows}")
    cells = [(row, seed) for seed in arguments.seeds for row in rows]
    failed = []
    ends = time.monotonic() + 60 * arguments.minutes
    if not arguments.table:
        for index, (row, seed) in enumerate(cells, 1):
            if time.monotonic() >= ends:
                print(f"{arguments.minutes:g} minutes are over")
                break
            print(f"[{index}/{len(cells)}] {row.name}, seed {seed}", flush=True)
            try:
                print(_reproduce(row, seed, arguments), flush=True)
            except subprocess.CalledProcessError as error:
                if error.returncode == EXIT_STATUS:
                    raise SystemExit(EXIT_STATUS) from None
                failed.append(f"{row.name}, seed {seed}")
            table.write(RESULTS)
    table.write(RESULTS)
    print(f"written to {RESULTS / 'table.md'}")
    if failed:
        raise SystemExit(f"did not train: {'; '.join(failed)}")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", choices=[*GROUPS, *NOTE], default="quick")
    parser.add_argument("--only", default="", help="Regular expression of row names.")
    parser.add_argument("--seeds", help="Separated by commas: 0,1,2.")
    parser.add_argument("--data_dir", help="Where TensorFlow data sets are prepared.")
    parser.add_argument("--runs", type=pathlib.Path, default="runs/reproduce")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="Begin no run after them."
    )
    parser.add_argument("--table", action="store_true", help="Write the table alone.")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        arguments.seeds = "0,1,2" if arguments.rows == "note" else "0"
    try:
        arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds={arguments.seeds}: expected whole numbers: 0,1,2")
    return arguments


def _reproduce(row, seed, arguments):
    """Trains and evaluates one row with one seed; what came out, in a line."""
    path = RESULTS / "reproduce" / f"{row.name}-seed{seed}.json"
    asked = json.loads(json.dumps({"config": row.config, "overrides": row.overrides}))
    if path.exists():
        found = json.loads(path.read_text("utf-8"))
        if {key: found[key] for key in asked} == asked:
            return f"  there: {table.say(found)}"
    workdir = arguments.runs / f"{row.name}-seed{seed}"
    settings = row.overrides | {"seed": seed}
    if arguments.data_dir:
        settings["data_dir"] = arguments.data_dir
    command = [sys.executable, "-m", "keras_twins.commands.cli", "train"]
    command += [f"--config={ROOT / row.config}", f"--workdir={workdir}"]
    command += [f"--config.{key}={value}" for key, value in settings.items()]
    subprocess.run(command, check=True)
    # A process of its own gives its memory back.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(evaluate, (str(workdir), row.labels))
    found = {"row": row.name, "seed": seed, **asked, **found}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return f"  {table.say(found)}"


if __name__ == "__main__":
    main()
