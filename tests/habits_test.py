"""What checks a commit and a push, as far as it can be checked without either."""

import ast
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

ROOT = pathlib.Path(__file__).parent.parent
HOOKS = ROOT / ".pre-commit-config.yaml"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_pre_commit_takes_its_configuration():
    command = [sys.executable, "-m", "pre_commit", "validate-config", HOOKS]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "hook",
    yaml.safe_load(HOOKS.read_text())["repos"][0]["hooks"],
    ids=lambda hook: hook["id"],
)
def test_a_hook_is_a_program_of_the_dev_extra(hook):
    program = pathlib.Path(hook["entry"].split()[0])
    assert str(program.parent) == ".venv/bin"
    assert (pathlib.Path(sys.executable).parent / program.name).exists()


def test_the_workflow_is_one_that_github_takes():
    schema = ["--builtin-schema", "vendor.github-workflows", WORKFLOW]
    subprocess.run([sys.executable, "-m", "check_jsonschema", *schema], check=True)


def test_the_workflow_names_actions_by_commit():
    actions = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action)


def test_the_workflow_runs_every_supported_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    named = [c.removeprefix(prefix) for c in project["classifiers"] if prefix in c]
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    versions = jobs["test"]["strategy"]["matrix"]["python"]
    assert versions == [name for name in named if "." in name]
    assert project["requires-python"] == f">={versions[0]}"


def test_the_workflow_runs_scripts_that_are_there():
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    scripts = [command for command in commands if command.startswith(".ci/")]
    assert scripts == [".ci/run", ".ci/wheel"]
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o100


def inner_imports(path):
    """Imports inside functions, of which nothing beside them says why."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    tree = ast.parse(text)
    guarded = {
        id(node)
        for guard in ast.walk(tree)
        # An optional extra, whose absence is answered.
        if isinstance(guard, ast.Try)
        and any("ImportError" in ast.unparse(h.type or guard) for h in guard.handlers)
        for node in ast.walk(guard)
    }
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if (
                not isinstance(node, (ast.Import, ast.ImportFrom))
                or id(node) in guarded
            ):
                continue
            # A comment on its line, or above the block of imports that it is in.
            line = node.lineno - 1
            while re.match(r" +(from|import) ", lines[line]) and "#" not in lines[line]:
                line -= 1
            if "#" not in lines[line]:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_an_import_inside_a_function_says_why():
    folders = ("keras_twins", "export", "serving", "configs")
    paths = (path for name in folders for path in (ROOT / name).rglob("*.py"))
    assert not [found for path in paths for found in inner_imports(path)]


def test_no_file_says_two_things():
    """A file that grows past 320 lines is to be cut."""
    folders = ("keras_twins", "export", "serving", "configs", "benchmarks", "tests")
    paths = (path for name in folders for path in (ROOT / name).rglob("*.py"))
    long = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in paths
    }
    assert not {path: lines for path, lines in long.items() if lines > 320}
