"""What is generated in the documentation is current, and what it promises is there."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

from keras_twins.commands import cli

ROOT = pathlib.Path(__file__).parent.parent
PAGES = {page.stem: page for page in (ROOT / "docs" / "commands").glob("*.md")}


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_command_has_a_page():
    assert set(PAGES) == set(cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_page_shows_the_help_of_its_command(command):
    text = PAGES[command].read_text("utf-8")
    assert "<!-- help -->" in text
    filled = script("command_help").fill(text, command)
    assert filled == text, "run `python docs/command_help.py`"


def test_the_drawing_shows_the_imports_that_the_files_have():
    house = script("house")
    drawn = house.svg(house.imports())
    assert drawn == house.DRAWING.read_text("utf-8"), "run `python docs/house.py`"


def test_a_room_imports_only_from_rooms_before_it():
    house = script("house")
    place = {room: index for index, room in enumerate(house.ROOMS)}
    upwards = {
        (module, room, other)
        for room, other, module in house.room_imports()
        if place[other] > place[room]
    }
    assert not upwards


def test_an_arrow_that_follows_from_others_is_left_out():
    house = script("house")
    pairs = {("a", "b"), ("b", "c"), ("a", "c")}
    assert house._follows("a", "c", pairs)
    assert not house._follows("a", "b", pairs)


@pytest.mark.parametrize("folder", ["keras_twins", "export", "serving"])
def test_examples_in_docstrings_are_code_on_a_page(folder):
    for path in (ROOT / folder).rglob("*.py"):
        found = re.search(
            r"^ +Example:\n\n +>>>", path.read_text("utf-8"), re.MULTILINE
        )
        assert not found, f"{path}: write `Examples:` and indent what follows"


def test_the_citation_file_is_one():
    schema = ("--builtin-schema", "vendor.citation-file-format")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, ROOT / "CITATION.cff"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
