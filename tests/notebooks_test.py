"""Notebooks run from top to bottom, and what is kept of them is what they do."""

import importlib.util
import pathlib
import re

import nbformat
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Of a home, a temporary folder or a checkout, on any machine.
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|root|tmp|var|Users|work|opt|usr)/")

_SPEC = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
execute = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(execute)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell gives: standard output, a picture, a value.

    What a library writes to standard error differs from one machine to the next, and
    may split standard output in two.
    """
    given = [out for out in cell.outputs if out.get("name") != "stderr"]
    found = [(out.output_type, *sorted(out.get("data", ()))) for out in given]
    return list(dict.fromkeys(found))


def texts(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield output.get("text", "")
            yield output.get("data", {}).get("text/plain", "")


def test_there_are_six():
    assert len(NOTEBOOKS) == 6


# The laws that a notebook shows are assertions in its cells.
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_gives_what_is_kept(path):
    fresh, kept = execute.execute(path), nbformat.read(path, as_version=4)
    for cell, old in zip(code_cells(fresh), code_cells(kept), strict=True):
        assert kinds(cell) == kinds(old), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_is_whole_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in texts(notebook) if MACHINE_PATH.search(text)]
    assert path.stat().st_size < 500_000


def test_a_cell_that_fails_is_an_error(tmp_path):
    cells = [nbformat.v4.new_code_cell("assert 1 + 1 == 3")]
    path = tmp_path / "wrong.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with pytest.raises(execute.nbclient.exceptions.CellExecutionError):
        execute.execute(path)


def test_the_folder_notebook_takes_photographs_without_classes(tmp_path, monkeypatch):
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    for number in range(24):
        left, top = 90 * (number % 6), 90 * (number // 6)
        part = photograph.crop((left, top, left + 70 + number, top + 90))
        part.save(tmp_path / f"{number:02}.jpg")
    monkeypatch.setenv("IMAGES", str(tmp_path))
    notebook = execute.execute(FOLDER / "train_on_your_own_folder.ipynb")
    said = "".join(texts(notebook))
    assert "24 images, (90, None, 3) each" in said
    assert "no classes" in said
