"""Labels of a folder's images from a table: written by hand, or by a spreadsheet."""

import os

import pytest
from PIL import Image

from keras_twins.data.loading import open_source
from keras_twins.errors import InputError

FILES = ("train/x/0.png", "train/x/1.png", "train/2.png", "test/3.png", "test/4.png")
ROWS = {"x/0.png": "cat", "x/1.png": "dog", "2.png": "cat", "3.png": "ant"}


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2)).save(path)
    return tmp_path / "images"


def opened(root, table, split="train"):
    return open_source(f"folder:{root}", split, label_file=str(table))


def classes(source):
    return {
        os.path.basename(path): source.class_names[n] if n >= 0 else None
        for path, n in zip(source.paths, source.labels(), strict=True)
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header", ["path{}label", "Label{}Path", "id{0}path{0}label", None]
)
@pytest.mark.parametrize("place", ["root", "split", "absolute", "beside"])
def test_a_table_is_read_as_it_was_written(root, tmp_path, delimiter, header, place):
    table = tmp_path / "labels.csv"
    if place == "beside":
        table = root / "train" / "x" / "labels.csv"
    lines = [header.format(delimiter)] if header else []
    for index, (name, label) in enumerate(ROWS.items()):
        path = root / ("test" if name == "3.png" else "train") / name
        if place == "root":
            path = path.relative_to(root)
        elif place == "split":
            path = name
        elif place == "beside":
            path = os.path.relpath(path, table.parent)
        cells = [str(path), label]
        if header and header.startswith("Label"):
            cells.reverse()
        if header and header.startswith("id"):
            cells.insert(0, str(index))
        lines.append(delimiter.join(cells))
    table.write_text("\ufeff" + "\r\n".join(lines) + "\r\n\r\n", "utf-8")
    source = opened(root, table)
    assert source.class_names == ("ant", "cat", "dog")
    assert classes(source) == {"0.png": "cat", "1.png": "dog", "2.png": "cat"}
    test = opened(root, table, "test")
    assert test.class_names == source.class_names
    assert classes(test) == {"3.png": "ant", "4.png": None}


def test_rows_and_files_without_each_other_are_counted(root, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text('path,label\nx/0.png,"a, or b"\nx/1.png,\ngone.png,b\n3.png,b\n')
    source = opened(root, table)
    assert classes(source) == {"0.png": "a, or b", "1.png": None, "2.png": None}
    said = source.understood()
    # The row of the other split has a file, and is not of this one.
    assert f"1 row of {table} without the file that is named" in said
    assert f"2 images without a label in {table}" in said
    assert source.labelled().num_images == 1 and source.num_images == 3


def test_numbers_are_in_their_order(root, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nx/0.png,10\nx/1.png,9\n2.png,9\n")
    source = opened(root, table)
    assert source.class_names == ("9", "10")
    assert list(source.labels()) == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "path,label\n2.png,a\n2.png,b\n",
            "gives 2.png several labels (a, b), not",
        ),
        ("path,label\nelsewhere.png,a\n", "names none of the images"),
    ],
)
def test_labels_that_are_not_one_class_per_image_are_none(root, tmp_path, text, said):
    table = tmp_path / "labels.csv"
    table.write_text(text)
    source = opened(root, table)
    assert not source.has_labels and source.num_images == 3
    assert any(said in line for line in source.understood())


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, "labels.csv cannot be read: No such file"),
        (b"name,kind\n2.png,a\n", "expected the columns path and label.*name, kind"),
        (b"", "expected the columns path and label.*nothing"),
        (
            b"path,label\n2.png,\xe4\n",
            "line 2, column 2: the label is not UTF-8",
        ),
    ],
)
def test_a_table_of_another_kind_is_one_line(root, tmp_path, contents, message):
    table = tmp_path / "labels.csv"
    if contents is not None:
        table.write_bytes(contents)
    with pytest.raises(InputError, match=f"--config.labels=.*{message}") as error:
        opened(root, table)
    assert "\n" not in str(error.value)


def test_a_table_goes_with_a_folder(tmp_path):
    with pytest.raises(InputError, match="a table of labels goes with a folder"):
        open_source("digits", "train", label_file=str(tmp_path / "labels.csv"))
