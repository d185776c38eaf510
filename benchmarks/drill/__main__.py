"""Inflicts faults on real trainings and a real server, and prints what survived.

    python -m benchmarks.drill [--minutes=10] [--seed=0]

Each fault comes in turn until the time is over, at least once. The trainings are of the
digits with a tiny encoder; what each should come to is that of one that was left alone.
"""

import argparse
import pathlib
import random
import subprocess
import tempfile
import time

from benchmarks.drill import faults, serving


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    random.seed(seed)
    print(f"drill with --seed={seed}: {arguments.minutes:g} minutes or one round")
    began = time.monotonic()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        faults.leave_alone(folder / "undisturbed")
        turn = 0
        everything = [*faults.FAULTS, serving.a_server_swapped_under_load]
        while True:
            fault = everything[turn % len(everything)]
            late = time.monotonic() - began > 60 * arguments.minutes
            if late and turn >= len(everything):
                break
            name = fault.__name__.replace("_", " ")
            try:
                lost = fault(folder, turn)
                survived = True
            except (faults.Lost, OSError, subprocess.TimeoutExpired) as error:
                lost, survived = str(error), False
            row = rows.setdefault(name, {"times": 0, "survived": 0, "lost": set()})
            row["times"] += 1
            row["survived"] += survived
            row["lost"].add(lost)
            print(f"{name}: {'survived' if survived else 'NOT survived'}; {lost}")
            turn += 1
    print(f"\n{time.monotonic() - began:.0f} s\n")
    print("| fault | times | survived | what was lost |")
    print("|---|---|---|---|")
    for name, row in rows.items():
        lost = "; ".join(sorted(row["lost"]))
        print(f"| {name} | {row['times']} | {row['survived']} | {lost} |")
    if any(row["survived"] < row["times"] for row in rows.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
