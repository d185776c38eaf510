"""Files that appear whole, and files of JSON lines."""

import json

import pytest

from keras_twins import files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_once_it_is_complete(tmp_path):
    path = tmp_path / "model.npz"
    with files.whole(path) as beside:
        assert beside.parent == tmp_path and beside.suffix == ".npz"
        beside.write_bytes(b"half")
        assert not path.exists()
        beside.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == ["model.npz"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_what_fails_leaves_the_file_that_was_there(tmp_path, error):
    path = tmp_path / "table.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(type(error)):
        with files.whole(path) as beside:
            beside.write_text("ne")
            raise error
    assert json.loads(path.read_text()) == {"old": 1}
    assert names(tmp_path) == ["table.json"]


def test_nothing_written_is_an_error_and_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        with files.whole(tmp_path / "a.txt"):
            pass
    assert names(tmp_path) == []


def test_a_name_that_is_not_text_survives(tmp_path):
    files.write_text(tmp_path / "names.txt", "caf\udce9\n")
    assert (tmp_path / "names.txt").read_bytes() == b"caf\xe9\n"


def test_json_lines_are_read_as_far_as_they_are_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert files.read_json_lines(path) == []
    for epoch in (1, 2):
        files.append_json_line(path, {"epoch": epoch})
    with path.open("a") as file:
        file.write('{"epoch": 3, "lo')
    assert files.read_json_lines(path) == [{"epoch": 1}, {"epoch": 2}]
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError):
        files.read_json_lines(path)
