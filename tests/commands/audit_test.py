"""`keras-twins audit`: tables, page, and one line for each mistake."""

import csv
import os
import re
import subprocess
import sys
import types

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from planted import picture, save

from keras_twins import collection
from keras_twins.commands import audit as command
from keras_twins.errors import InputError

_NAMES = ("<b>bold&.png", "it's.png", "b.png")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """A file of embeddings of pictures in two folders; three files have gone."""
    place = tmp_path_factory.mktemp("audited")
    for folder in ("Training", "Testing"):
        (place / folder).mkdir()
    paths = save(
        place / "Training",
        {f"{n:02d}.png": picture(n) for n in range(20)}
        | {_NAMES[0]: picture(3), "black.png": Image.new("RGB", (96, 80))},
    )
    paths += save(
        place / "Testing", {_NAMES[1]: picture(4), _NAMES[2]: picture(5, 48, 40)}
    )
    (place / "Training" / "torn.png").write_text("not an image")
    paths += [str(place / "Training" / "torn.png"), *(f"gone/{n}.png" for n in "abc")]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(paths), 8)).astype(np.float32)
    file = place / "embeddings.parquet"
    collection.write(file, rows, paths)
    return file


def _run(embeddings, output):
    flags = {"embeddings": embeddings, "workdir": None, "output": str(output)}
    command.main(types.SimpleNamespace(**flags), [])


def _table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def audited(embedded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("output")
    _run(embedded, folder / "audit.html")
    return folder


def test_the_tables_name_files(audited):
    same = _table(audited / "duplicates.csv")
    assert list(same[0]) == ["group", "path", "kind", "similarity", "keep"]
    groups = {}
    for row in same:
        groups.setdefault(row["group"], set()).add(os.path.basename(row["path"]))
    assert list(map(frozenset, groups.values())) == [
        frozenset(("03.png", _NAMES[0])),
        frozenset(("04.png", _NAMES[1])),
    ]
    assert [row["keep"] for row in same] == ["yes", "no"] * 2
    odd = _table(audited / "outliers.csv")
    assert list(odd[0]) == ["path", "score", "reason"]
    names = [os.path.basename(row["path"]) for row in odd]
    assert names[:2] == ["torn.png", "black.png"]
    assert odd[0]["reason"] == "unreadable: is not an image"
    scores = [float(row["score"]) for row in odd]
    assert scores == sorted(scores, reverse=True)


def test_nothing_is_deleted_and_nothing_else_written(embedded, audited):
    assert sorted(p.name for p in audited.iterdir()) == [
        "audit.html",
        "duplicates.csv",
        "outliers.csv",
    ]
    assert all(
        os.path.exists(path) or path.startswith("gone")
        for path in collection.read(embedded).paths
    )


def test_the_page_needs_no_other_and_escapes_names(audited):
    page = (audited / "audit.html").read_text("utf-8")
    assert "<b>bold" not in page and "&lt;b&gt;bold" in page
    addresses = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert "http" not in re.sub(r'http-equiv="Content', "", page)
    assert "1 test file also in train" in page
    assert "3 files no longer there" in page


def test_says_what_it_found_on_one_screen(embedded, tmp_path, capsys):
    _run(embedded, tmp_path / "page.html")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "28 files" and len(said) < 20
    assert any(line.startswith("Leaks") and "1 test file" in line for line in said)
    assert str(tmp_path / "page.html") in said[-1]


def test_a_column_of_splits_counts_before_folders(embedded, tmp_path, capsys):
    table = pyarrow.parquet.read_table(embedded)
    names = ["one" if i < 10 else None for i in range(20)] + ["two"] * 8
    table = table.append_column("split", [names])
    pyarrow.parquet.write_table(table, tmp_path / "split.parquet")
    _run(str(tmp_path / "split.parquet"), tmp_path / "page.html")
    assert "2 one files also in two" in capsys.readouterr().out


def test_no_picture_is_there(tmp_path, capsys, rng):
    rows = rng.normal(size=(30, 4))
    rows[7] = rows[3]
    collection.write(tmp_path / "e.npz", rows, [f"gone/{n}.png" for n in range(30)])
    _run(str(tmp_path / "e.npz"), tmp_path / "page.html")
    said = capsys.readouterr().out
    assert "30 files no longer there" in said and "1 same embedding" in said
    (first, second) = _table(tmp_path / "duplicates.csv")
    assert {first["path"], second["path"]} == {"gone/3.png", "gone/7.png"}
    assert "No picture could be read" in (tmp_path / "page.html").read_text("utf-8")


def test_one_file(tmp_path, capsys):
    collection.write(
        tmp_path / "e.npz", np.ones((1, 4)), save(tmp_path, {"a.png": picture(0)})
    )
    _run(str(tmp_path / "e.npz"), tmp_path / "page.html")
    assert "none found" in capsys.readouterr().out


def test_refuses_bad_input(embedded, tmp_path, rng):
    def refused(match, embeddings, output="page.html"):
        with pytest.raises(InputError, match=match):
            _run(str(embeddings), tmp_path / output)

    rows, paths = rng.normal(size=(4, 3)), list("abcd")
    refused("not a .html file", embedded, "page.pdf")
    refused("there is no such folder", embedded, "no/page.html")
    refused("--embeddings=.*does not exist", tmp_path / "none.npz")
    collection.write(tmp_path / "e.npz", rows)
    refused("has no paths of images", tmp_path / "e.npz")
    rows[2, 1] = np.nan
    collection.write(tmp_path / "e.npz", rows, paths)
    refused("1 of 4 rows hold NaN", tmp_path / "e.npz")
    np.savez(tmp_path / "e.npz", features=rows)
    refused("--embeddings=.*expected an array 'embeddings'", tmp_path / "e.npz")
    assert not (tmp_path / "duplicates.csv").exists()


def test_a_mistake_is_one_line():
    arguments = ["-m", "keras_twins.commands.cli", "audit", "--embeddings=none.npz"]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("keras-twins: --embeddings=none.npz does not exist")
