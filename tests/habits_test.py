"""What checks a commit and a push, as far as it can be checked without either."""

import pathlib
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).parent.parent
HOOKS = ROOT / ".pre-commit-config.yaml"


def test_pre_commit_takes_its_configuration():
    command = [sys.executable, "-m", "pre_commit", "validate-config", HOOKS]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "hook",
    yaml.safe_load(HOOKS.read_text())["repos"][0]["hooks"],
    ids=lambda h: h["id"],
)
def test_a_hook_is_a_program_of_the_dev_extra(hook):
    program = pathlib.Path(hook["entry"].split()[0])
    assert str(program.parent) == ".venv/bin"
    assert (pathlib.Path(sys.executable).parent / program.name).exists()
