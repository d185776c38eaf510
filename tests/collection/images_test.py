"""The image files of a collection: each once, in order, and how they look now."""

import os

import pytest

from keras_twins.collection import images
from keras_twins.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("b.png", "a.JPG", "below/c.gif", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_folders_are_searched_and_files_are_taken_as_they_are(folder):
    asked = [str(folder / "notes.txt"), str(folder)]
    found, ignored = images.find(asked)
    names = ["notes.txt", "a.JPG", "b.png", "below/c.gif"]
    # notes.txt was named, and is ignored in the folder nevertheless.
    assert found == [str(folder / name) for name in names]
    assert ignored == {".txt": 1, "hidden file": 1}


def test_a_file_that_is_named_twice_is_there_once(folder):
    found, _ = images.find([str(folder / "below"), str(folder), str(folder / "b.png")])
    names = ["below/c.gif", "a.JPG", "b.png"]
    assert found == [str(folder / name) for name in names]


def test_paths_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="no image was named"):
        images.find([])
    with pytest.raises(InputError, match="no image in"):
        images.find([str(tmp_path)])
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"1 other file ignored: \.txt 1"):
        images.find([str(tmp_path)])
    with pytest.raises(InputError, match="gone' does not exist"):
        images.find([str(tmp_path / "gone")])


def test_a_file_that_changed_looks_different(folder):
    path = str(folder / "b.png")
    [before], missing = images.look_at([path])
    assert (before.path, before.size, missing) == (path, 5, [])
    assert images.look_at([path]) == ([before], [])
    os.utime(path, ns=(0, before.modified + 1))
    assert images.look_at([path])[0] != [before]
    (folder / "b.png").write_bytes(b"more bytes")
    os.utime(path, ns=(0, before.modified))
    assert images.look_at([path])[0] != [before]


def test_a_file_that_went_meanwhile_has_a_reason(folder):
    gone = str(folder / "gone.png")
    files, missing = images.look_at([gone, str(folder / "a.JPG")])
    assert [file.path for file in files] == [str(folder / "a.JPG")]
    assert missing == [(gone, "No such file or directory")]


def test_names_that_parquet_cannot_hold_are_told_apart():
    files = [images.File(name, 1, 2) for name in ("a.png", "é.png", "\udcff.png")]
    named, others = images.named_in_utf_8(files)
    assert named == files[:2]
    assert others[0][0] == "\udcff.png" and "write a .npz file" in others[0][1]
