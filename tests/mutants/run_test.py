"""The driver on a toy project, and the tables of mutants against the code as it is."""

import ast
import pathlib

import pytest
from mutants import run
from mutants.run import KILLED, SURVIVED, Mutant

MUTANTS = [mutant for table in run.TABLES for mutant in run.read(table)]
TOY_TEST = """
from toys import parts, toy

def test_double():
    assert toy.double(2) == 4
    assert parts.__file__ == toy.__file__.replace("toy.py", "parts/__init__.py")
"""


def mutant(new, old="2 * x", explained=""):
    return Mutant("toy", "it", "toys/toy.py", old, new, ["toy_test.py"], explained)


@pytest.fixture
def project(tmp_path):
    """A project of one function, one test, and a package with a place elsewhere."""
    root = tmp_path / "checkout"
    for name, text in {
        "pyproject.toml": "[tool.setuptools.package-dir]\n"
        'toys = "toys"\n"toys.parts" = "parts"\n',
        "toys/__init__.py": "",
        "toys/toy.py": "def double(x):\n    return 2 * x\n",
        "parts/__init__.py": "",
        "toy_test.py": TOY_TEST,
        "runs/large.bin": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def folder(project, tmp_path):
    run.copy(project, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_mutant_is_killed_or_survives_and_leaves_no_trace(project, capsys):
    before = (project / "toys/toy.py").read_text()
    assert run.run(project, [mutant("x + x"), mutant("3 * x")]) == 1
    assert (project / "toys/toy.py").read_text() == before
    _, *printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "survived  toy: it",
        "          not explained",
        "killed    toy: it",
        "1 of 2 killed: 50.0%",
    ]


def test_a_copy_has_what_is_installed_and_no_runs(folder):
    assert (folder / "toys/parts/__init__.py").exists()
    assert not (folder / "runs").exists()


def test_what_waits_for_ever_is_killed(folder):
    (folder / "toys/toy.py").write_text("while True:\n    pass\n")
    assert not run.run_tests(folder, ["toy_test.py"], limit=2)


@pytest.mark.parametrize(
    "killed, survivors, status",
    [(20, [], 0), (19, ["the same"], 0), (18, ["the same"] * 2, 1), (39, [""], 1)],
)
def test_the_status_wants_few_survivors_and_reasons_for_them(killed, survivors, status):
    mutants = [mutant("3 * x")] * killed
    mutants += [mutant("x + x", explained=reason) for reason in survivors]
    outcomes = [KILLED] * killed + [SURVIVED] * len(survivors)
    assert run.status(mutants, outcomes) == status


def test_what_says_nothing_about_a_mutant_is_an_error(project, folder):
    with pytest.raises(ValueError, match="occurs 0 times in toys/toy.py"):
        run.run(project, [mutant("1", old="4 * x")])
    with pytest.raises(RuntimeError, match="pytest cannot run no_test.py"):
        run.run_tests(folder, ["no_test.py"])
    (folder / "toys/toy.py").write_text("def double(x):\n    return 5\n")
    with pytest.raises(RuntimeError, match="toy_test.py fails without a mutant"):
        run.time_tests(folder, ["toy_test.py"])


def test_only_names_of_the_table_are_taken(capsys):
    with pytest.raises(SystemExit):
        run.main(["--only", "no_such_mutant"])
    assert "unknown mutant no_such_mutant" in capsys.readouterr().err


def test_names_are_those_of_one_mutant_each():
    assert len({entry.name for entry in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("entry", MUTANTS, ids=lambda entry: entry.name)
def test_the_table_fits_the_code(entry):
    source = entry.source(run.ROOT)
    assert ast.dump(ast.parse(source)) != ast.dump(
        ast.parse((run.ROOT / entry.file).read_text())
    )
    for test in entry.tests:
        assert (run.ROOT / test.split("::")[0]).exists()
    assert pathlib.Path(entry.file).parts[0] != "tests"
