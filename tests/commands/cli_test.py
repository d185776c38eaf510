"""The commands as a user types them: what they print and how they end."""

import importlib
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags

from keras_twins.commands import cli

ROOT = pathlib.Path(__file__).parent.parent


def keras_twins(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.cli", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def assert_one_line(done, *words):
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("keras-twins: ")
    for word in words:
        assert word in done.stderr


def test_help_lists_the_commands():
    done = keras_twins("--help")
    assert done.returncode == 0
    for command in ("train", "evaluate", "export", "embed"):
        assert f"keras-twins {command}" in done.stdout


def test_help_of_a_command_shows_its_own_flags():
    done = keras_twins("train", "--help")
    assert done.returncode == 0
    assert "docs/reliability.md" in done.stdout
    flags = [line for line in done.stdout.splitlines() if line.startswith("  --")]
    assert flags == [
        "  --config (required)",
        "  --workdir (required)",
        "  --strategy=auto",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], ["'trian'", "'train'"]),
        (["train"], ["--config"]),
        (["train", "--config=configs/digits.py"], ["--workdir"]),
        (["train", "--config=no.py", "--workdir=x"], ["no.py"]),
        (
            ["train", "--config=configs/digits.py", "--workdir=x", "--config.epoch=3"],
            ["--config.epoch:", "no key 'epoch'", "'epochs'"],
        ),
        (
            ["train", "--config=configs/digits.py", "--workdir=x", "--config.zz.b=3"],
            ["--config.zz.b:", "no key 'zz'"],
        ),
        (
            ["train", "--config=configs/digits.py", "--workdir=x", "--config.seed=a"],
            ["--config.seed=a"],
        ),
        (["train", "--confg=configs/digits.py"], ["confg"]),
        (
            ["train", "--config=configs/digits.py", "--workdir=x", "--strategy=two"],
            ["strategy", "two", "mirrored"],
        ),
        (["evaluate", "--workdir=no/such/run"], ["--workdir=no/such/run", "no run"]),
        (["export", "--workdir=no/such", "--output=x"], ["--workdir=no/such"]),
    ],
    ids=lambda value: "-".join(value)[:40],
)
def test_a_mistake_is_one_line(arguments, words):
    assert_one_line(keras_twins(*arguments), *words)


def test_a_packaged_configuration_is_found_anywhere(tmp_path):
    done = keras_twins(
        "train",
        "--config=configs/digits.py",
        "--config.dataset=folder:nowhere",
        "--workdir=run",
        cwd=tmp_path,
    )
    assert_one_line(done, "nowhere")
    assert not list(tmp_path.iterdir())


def test_all_commands_can_be_imported_and_asked_in_one_process():
    helps, outputs = {}, {}
    for command in cli.COMMANDS:
        module = importlib.import_module(f"keras_twins.commands.{command}")
        values = flags.FlagValues()
        module.define_flags(values)
        helps[command] = cli.help_text(module, values)
        outputs[command] = values["output"].default if "output" in values else None
    assert len(set(helps.values())) == len(cli.COMMANDS)
    assert outputs["views"] == "views.png"
    assert outputs["neighbours"] == "neighbours.png"
    assert outputs["report"] == "report.html"


def test_the_list_of_commands_needs_no_framework_and_no_array():
    code = (
        "import sys; sys.argv = ['keras-twins', '--help']\n"
        "from keras_twins.commands import cli; cli.main()\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'ml_collections', 'PIL'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


@pytest.mark.parametrize(
    "module",
    [
        *("train", "evaluate", "embed", "neighbours", "serve", "views"),
        *("report", "export"),
    ],
)
def test_a_command_runs_as_a_module_under_both_names(module):
    for name in (f"keras_twins.{module}", f"keras_twins.commands.{module}"):
        done = subprocess.run(
            [sys.executable, "-m", name, "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Flags:" in done.stdout


def test_importing_the_package_imports_no_framework():
    code = (
        "import sys, keras_twins; "
        "heavy = {'tensorflow', 'keras', 'keras_cv', 'tensorflow_datasets'}; "
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_a_command_that_needs_no_keras_starts_without_it():
    program = (
        "import gc, sys\n"
        "from keras_twins.commands.startup import start_tensorflow\n"
        "start_tensorflow(keras=False)\n"
        "print([m for m in ('keras', 'sklearn', 'matplotlib') if m in sys.modules])\n"
        "print(gc.isenabled())\n"
        "import keras, tensorflow as tf\n"
        "print(tf.keras.layers.Dense is keras.layers.Dense)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines() == ["[]", "True", "True"], done.stderr
