"""Breaks the code, one way at a time, and asks whether its tests notice.

    make mutants
    python tests/mutants/run.py --only lars_decays_what_is_excluded

The tables beside this file, one per room, hold the mutants. Each is made in a copy of
the project: the checkout stays as it is. The exit status is 0 only where the tests
notice at least 95 % of the mutants, and where a table explains each of the others.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
TABLES = sorted(pathlib.Path(__file__).parent.glob("*.toml"))
SHARE = 0.95
KILLED, SURVIVED = "killed", "survived"

_NEVER_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", "__pycache__", "*.egg-info"
)
# Of the project's own folder; a package may have the same name.
_OUTPUTS = {"build", "dist", "runs", "site"}
_PYTEST = (sys.executable, "-m", "pytest", "-x", "-n0", "-q", "-p", "no:cacheprovider")


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change that the tests should notice.

    Attributes:
        name: str.
        about: str. What goes wrong with the change.
        file: str. The file to change, from the root.
        old: str. Text that occurs once in the file.
        new: str. What replaces it.
        tests: list of str. Files, or tests as pytest names them, one of which fails.
        explained: str. Why no test can notice; empty for most.
    """

    name: str
    about: str
    file: str
    old: str
    new: str
    tests: list[str]
    explained: str = ""

    def source(self, root):
        """The file's text with the change in it.

        Raises:
            ValueError: unless the old text occurs exactly once.
        """
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: the old text occurs {text.count(self.old)} times in "
                f"{self.file}, not once"
            )
        return text.replace(self.old, self.new)


def read(table):
    """The mutants of a TOML file."""
    return [Mutant(**entry) for entry in tomllib.loads(table.read_text())["mutant"]]


def copy(root, folder):
    """Copies a project, with its packages where they are once it is installed."""

    def left_out(directory, names):
        outputs = _OUTPUTS if pathlib.Path(directory) == pathlib.Path(root) else set()
        return _NEVER_COPIED(directory, names) | outputs

    shutil.copytree(root, folder, ignore=left_out)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    for package, path in project["tool"]["setuptools"]["package-dir"].items():
        place = folder / package.replace(".", "/")
        if not place.exists():
            place.symlink_to(folder / path)


def run_tests(folder, tests, limit=None):
    """Whether the tests of a copy pass; they fail where they take longer than a limit.

    Args:
        folder: path of the copy.
        tests: list of str.
        limit: float, in seconds, or None.

    Raises:
        RuntimeError: if the tests neither pass nor fail.
    """
    # Without bytecode: Python would take that of the text before, if the text of the
    # same second is of the same length.
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [*_PYTEST, *tests],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return False
        finally:
            # With what the tests have started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"pytest cannot run {' '.join(tests)}:\n{output[-2000:]}")
    return process.returncode == 0


def time_tests(folder, tests):
    """How long each of the tests takes, in seconds, in a copy without a mutant.

    Raises:
        RuntimeError: if one fails, which says nothing about a mutant then.
    """
    seconds = {}
    for test in tests:
        start = time.monotonic()
        if not run_tests(folder, [test]):
            raise RuntimeError(f"{test} fails without a mutant")
        seconds[test] = time.monotonic() - start
        print(f"passes without a mutant in {seconds[test]:.0f} s: {test}", flush=True)
    return seconds


def outcome(mutant, folder, seconds):
    """KILLED or SURVIVED, by the tests of a copy, which is whole again after that.

    Args:
        mutant: `Mutant`.
        folder: path of the copy.
        seconds: dict from test to float, from `time_tests`.
    """
    path = folder / mutant.file
    whole, changed = path.read_text(), mutant.source(folder)
    path.write_text(changed)
    try:
        # A mutant that waits for ever is noticed as well.
        limit = 60 + 3 * sum(seconds[test] for test in mutant.tests)
        return SURVIVED if run_tests(folder, mutant.tests, limit) else KILLED
    finally:
        path.write_text(whole)


def status(mutants, outcomes):
    """The exit status: 0 for few survivors, all of them explained.

    Args:
        mutants: list of `Mutant`.
        outcomes: list of KILLED and SURVIVED, one for each.
    """
    if outcomes.count(KILLED) < SHARE * len(outcomes):
        return 1
    pairs = zip(mutants, outcomes, strict=True)
    return int(any(found == SURVIVED and not m.explained for m, found in pairs))


def run(root, mutants):
    """Tries the mutants, prints what became of each, and returns the exit status."""
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary).resolve() / "project"
        copy(root, folder)
        for mutant in mutants:
            mutant.source(folder)
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        seconds = time_tests(folder, tests)
        for mutant in mutants:
            outcomes.append(outcome(mutant, folder, seconds))
            print(f"{outcomes[-1]:8}  {mutant.name}: {mutant.about}", flush=True)
            if outcomes[-1] == SURVIVED:
                print(f"          {mutant.explained or 'not explained'}", flush=True)
    killed = outcomes.count(KILLED)
    print(f"{killed} of {len(mutants)} killed: {killed / len(mutants):.1%}")
    return status(mutants, outcomes)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Breaks the code, one way at a time, and runs its tests."
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="try these mutants")
    only = parser.parse_args(arguments).only
    mutants = [mutant for table in TABLES for mutant in read(table)]
    unknown = set(only or ()) - {mutant.name for mutant in mutants}
    if unknown:
        parser.error(f"unknown mutant {', '.join(sorted(unknown))}")
    try:
        return run(ROOT, [m for m in mutants if not only or m.name in only])
    except (RuntimeError, ValueError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
