"""`keras-twins select` and `label`: tables, sheet, and one line for each mistake."""

import csv
import os
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image
from planted import picture, save

from keras_twins import collection
from keras_twins.commands import label, select
from keras_twins.errors import InputError

_CLASSES, _EACH = 4, 8


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Pictures of four classes and their embeddings; two of the files have gone."""
    place = tmp_path_factory.mktemp("pictures")
    count = _CLASSES * _EACH
    names = {f"{n % _CLASSES}_{n:02d}.png": picture(n) for n in range(count)}
    paths = save(place, names)
    rng = np.random.default_rng(0)
    rows = 5 * np.eye(6)[np.arange(count) % _CLASSES] + rng.normal(size=(count, 6))
    for path in paths[:2]:
        os.remove(path)
    collection.write(place / "e.parquet", rows, paths)
    return str(place / "e.parquet"), paths


def choose(embeddings, output, **flags):
    given = {"count": 4, "labelled": None, "method": "auto", "seed": 0} | flags
    given["workdir"] = None
    select.main(
        types.SimpleNamespace(embeddings=embeddings, output=str(output), **given), []
    )


def label_all(embeddings, labelled, output):
    flags = {"embeddings": embeddings, "workdir": None, "labelled": str(labelled)}
    label.main(types.SimpleNamespace(output=str(output), **flags), [])


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_labels(path, output):
    """A table of `select` into which somebody has written the classes."""
    rows = table(path)
    with open(output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "rank", "why", "cluster", "label"])
        for row in rows:
            writer.writerow([*row.values(), os.path.basename(row["path"])[0]])


def test_from_no_label_to_a_label_for_each_file(embedded, tmp_path, capsys):
    embeddings, paths = embedded
    choose(embeddings, tmp_path / "first.csv")
    first = table(tmp_path / "first.csv")
    assert list(first[0]) == ["path", "rank", "why", "cluster"]
    assert [row["rank"] for row in first] == ["1", "2", "3", "4"]
    assert {os.path.basename(row["path"])[0] for row in first} == set("0123")
    assert all(row["why"] for row in first)
    said = capsys.readouterr().out
    assert "32 files, 0 labelled; 4 chosen by k-means" in said
    assert "2 files of 32 no longer there: not chosen" in said
    assert not {row["path"] for row in first} & set(paths[:2])
    sheet = Image.open(tmp_path / "first.png")
    assert min(sheet.size) > 100 and len(sheet.getcolors(1 << 20)) > 100

    with_labels(tmp_path / "first.csv", tmp_path / "labels.csv")
    choose(embeddings, tmp_path / "next.csv", labelled=str(tmp_path / "labels.csv"))
    following = {row["path"] for row in table(tmp_path / "next.csv")}
    assert len(following) == 4 and not following & {row["path"] for row in first}

    capsys.readouterr()
    label_all(embeddings, tmp_path / "labels.csv", tmp_path / "all.csv")
    found = table(tmp_path / "all.csv")
    assert [row["path"] for row in found] == paths
    right = [row["label"] == os.path.basename(row["path"])[0] for row in found]
    assert np.mean(right) > 0.9
    assert sum(row["given"] == "yes" for row in found) == 4
    assert all(0 < float(row["confidence"]) <= 1 for row in found)
    ranks = sorted(int(row["next"]) for row in found if row["next"])
    assert ranks == list(range(1, 21))
    assert "no class has two labels" in capsys.readouterr().out


def test_the_accuracy_of_what_was_held_out_is_told(embedded, tmp_path, capsys):
    embeddings, paths = embedded
    (tmp_path / "l.csv").write_text(
        "path,label\n" + "".join(f"{p},{os.path.basename(p)[0]}\n" for p in paths[:20])
    )
    label_all(embeddings, tmp_path / "l.csv", tmp_path / "all.csv")
    said = capsys.readouterr().out
    assert "accuracy: 20 of 20 labelled files are right" in said
    assert "100% (84% to 100%)" in said  # Wilson: 1 / (1 + 1.96² / 20).


def test_copies_of_chosen_and_of_labelled_files_are_not_chosen(tmp_path):
    scenes = [picture(n) for n in range(8)]
    paths = save(tmp_path, {f"{n}.png": scene for n, scene in enumerate(scenes)})
    for n, scene in enumerate(scenes):
        scene.save(tmp_path / f"{n}.jpg", quality=90)
        paths.append(str(tmp_path / f"{n}.jpg"))
    rows = np.tile(4 * np.eye(8), (2, 1))
    rows += np.random.default_rng(0).normal(scale=0.3, size=rows.shape)
    collection.write(tmp_path / "e.npz", rows, paths)
    (tmp_path / "l.csv").write_text("path,label\n0.png,a\n1.jpg,b\n")
    choose(
        str(tmp_path / "e.npz"),
        tmp_path / "chosen.csv",
        count=16,
        labelled=str(tmp_path / "l.csv"),
    )
    chosen = [os.path.basename(row["path"]) for row in table(tmp_path / "chosen.csv")]
    assert sorted(name[0] for name in chosen) == list("234567")


def test_files_that_are_all_gone_are_chosen_all_the_same(tmp_path, capsys):
    rows = np.random.default_rng(0).normal(size=(9, 4))
    collection.write(tmp_path / "e.npz", rows, [f"gone/{n}.png" for n in range(9)])
    choose(str(tmp_path / "e.npz"), tmp_path / "chosen.csv", count=20)
    assert len(table(tmp_path / "chosen.csv")) == 9
    said = capsys.readouterr().out
    assert "9 files no longer there: chosen by their embeddings alone" in said
    assert "20 were asked for; there are 9 to choose" in said


def test_rows_of_other_files_are_counted(embedded, tmp_path, capsys):
    embeddings, paths = embedded
    (tmp_path / "here.png").write_bytes(b"")
    (tmp_path / "l.csv").write_text(
        f"path;label\n{paths[4]};a\n{paths[5]};b\nnone.png;c\nhere.png;a\n"
    )
    choose(embeddings, tmp_path / "chosen.csv", labelled=str(tmp_path / "l.csv"))
    said = capsys.readouterr().out
    assert "32 files, 2 labelled" in said
    assert "1 row of" in said and "for a file that is not there" in said
    assert "for a file that is not embedded" in said
    label_all(embeddings, tmp_path / "l.csv", tmp_path / "all.csv")
    assert "2 labelled, 2 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, "--labelled=.*cannot be read: No such file"),
        ("name,kind\na,b\n", "--labelled=.*expected the columns path and label"),
        ("path,label\nelse.png,a\n", "--labelled=.*no row has a label and names one"),
        ("path,label\n{0},a\n{0},b\n", r"--labelled=.*several labels \(a, b\)"),
    ],
)
def test_a_wrong_table_of_labels_is_one_line(embedded, tmp_path, contents, message):
    embeddings, paths = embedded
    if contents is not None:
        (tmp_path / "l.csv").write_text(contents.format(paths[3]))
    for run in (
        lambda: choose(
            embeddings, tmp_path / "o.csv", labelled=str(tmp_path / "l.csv")
        ),
        lambda: label_all(embeddings, tmp_path / "l.csv", tmp_path / "o.csv"),
    ):
        with pytest.raises(InputError, match=message) as error:
            run()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "o.csv").exists()


def test_refuses_bad_input(embedded, tmp_path, rng):
    embeddings, paths = embedded

    def refused(match, embeddings=embeddings, output="o.csv", **flags):
        with pytest.raises(InputError, match=match) as error:
            choose(str(embeddings), tmp_path / output, **flags)
        assert "\n" not in str(error.value)

    refused("not a .csv file", output="o.txt")
    refused("there is no such folder", output="no/o.csv")
    refused("--embeddings=.*does not exist", tmp_path / "none.npz")
    refused("The method margin learns from labels.*0 labels", method="margin")
    (tmp_path / "one.csv").write_text(f"path,label\n{paths[3]},a\n")
    refused("1 labels? of 1 class", method="badge", labelled=str(tmp_path / "one.csv"))
    with pytest.raises(InputError, match="--labelled=.*two classes or more"):
        label_all(embeddings, tmp_path / "one.csv", tmp_path / "o.csv")
    rows = rng.normal(size=(4, 3))
    rows[1] = np.nan
    collection.write(tmp_path / "e.npz", rows, list("abcd"))
    refused("1 of 4 rows hold NaN", tmp_path / "e.npz")
    # Shards of two models of different widths.
    (tmp_path / "shards").mkdir()
    for width in (3, 4):
        file = tmp_path / "shards" / f"{width}.parquet"
        collection.write(file, np.ones((2, width)), ["a", "b"])
    refused("--embeddings=.*does not hold embeddings", tmp_path / "shards")
    everything = "".join(f"{path},a\n" for path in paths)
    (tmp_path / "all.csv").write_text("path,label\n" + everything)
    refused("no file to choose", labelled=str(tmp_path / "all.csv"))
    assert not (tmp_path / "o.csv").exists()


def test_labels_are_not_overwritten(embedded, tmp_path):
    embeddings, _ = embedded
    choose(embeddings, tmp_path / "o.csv")
    choose(embeddings, tmp_path / "o.csv", seed=1)  # Nothing was written into it.
    with_labels(tmp_path / "o.csv", tmp_path / "l.csv")
    before = (tmp_path / "l.csv").read_bytes()
    with pytest.raises(InputError, match="it may hold labels. Give another name"):
        choose(embeddings, tmp_path / "l.csv")
    with pytest.raises(InputError, match="is the table of --labelled"):
        label_all(embeddings, tmp_path / "l.csv", tmp_path / "l.csv")
    assert (tmp_path / "l.csv").read_bytes() == before


@pytest.mark.parametrize("command", ["select", "label"])
def test_a_mistake_is_one_line(command):
    arguments = [command, "--embeddings=none.npz", "--labelled=l.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.cli", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("keras-twins: --embeddings=none.npz does not exist")
