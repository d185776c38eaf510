"""The image files of a collection: in order, and how they look now."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_twins.collection import images
from keras_twins.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("b.png", "a.JPG", "below/c.gif", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def search(*paths):
    return list(images.Search([str(path) for path in paths]))


def test_folders_are_searched_and_files_are_taken_as_they_are(folder):
    found = images.Search([str(folder / "notes.txt"), str(folder)])
    names = ["notes.txt", "a.JPG", "b.png", "below/c.gif"]
    # notes.txt was named, and is ignored in the folder nevertheless.
    assert [file.path for file in found] == [str(folder / name) for name in names]
    assert found.ignored == {".txt": 1, "hidden file": 1}
    assert found.left_out == []


def test_paths_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="no image was named"):
        search()
    with pytest.raises(InputError, match="no image in"):
        search(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"1 other file ignored: \.txt 1"):
        search(tmp_path)
    with pytest.raises(InputError, match="gone' does not exist"):
        search(tmp_path / "gone")


def test_a_file_that_changed_looks_different(folder):
    path = folder / "b.png"
    [before] = search(path)
    assert (before.path, before.size) == (str(path), 5)
    assert search(path) == [before]
    os.utime(path, ns=(0, before.modified + 1))
    assert search(path) != [before]
    path.write_bytes(b"more bytes")
    os.utime(path, ns=(0, before.modified))
    assert search(path) != [before]


def test_a_file_that_went_meanwhile_has_a_reason(folder):
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("gone")
    found = images.Search([str(folder)])
    names = ["a.JPG", "below/c.gif"]
    assert [file.path for file in found] == [str(folder / name) for name in names]
    assert found.left_out == [(str(folder / "b.png"), "No such file or directory")]


def test_names_that_parquet_cannot_hold_are_told_apart(tmp_path):
    for name in ("a.png", "é.png", "\udcff.png"):
        (tmp_path / name).touch()
    found = images.Search([str(tmp_path)], utf_8=True)
    assert [os.path.basename(file.path) for file in found] == ["a.png", "é.png"]
    [(path, reason)] = found.left_out
    assert path.endswith("\udcff.png") and "write a .npz file" in reason
    assert len(search(tmp_path)) == 3


def test_a_text_file_lists_names(tmp_path):
    names = ["a b.png", "é\udcff.png", "c,d.png"]
    (tmp_path / "list.txt").write_bytes(os.fsencode("\r\n".join(names) + "\n\n"))
    assert list(images.names_in(tmp_path / "list.txt")) == names


def test_a_parquet_file_lists_names(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"n": [1, 2], "path": ["a.png", "é.png"]}), path)
    assert list(images.names_in(path)) == ["a.png", "é.png"]


def test_a_list_without_names_is_one_line(tmp_path):
    path = tmp_path / "list.parquet"
    with pytest.raises(InputError, match="list.parquet: No such file"):
        list(images.names_in(path))
    path.write_bytes(b"no Parquet")
    with pytest.raises(InputError, match=r"^\S*list.parquet: [^\n]*$"):
        list(images.names_in(path))
    pq.write_table(pa.table({"file": ["a.png"]}), path)
    with pytest.raises(InputError, match="expected a column 'path'; it has file"):
        list(images.names_in(path))
