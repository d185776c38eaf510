"""The table of labels of `explore`."""

import os
import threading

import pytest

from keras_twins import files
from keras_twins.data import label_table
from keras_twins.decode import modality
from keras_twins.errors import InputError
from keras_twins.explore.labels import Labels

PATHS = ["a/1.png", 'a/2, "two".png', "b/\udce9.png", "b/4.png"]


def test_a_run_reads_the_classes_that_were_saved(tmp_path):
    paths = [str(tmp_path / path) for path in PATHS]
    labels = Labels(tmp_path / "labels.csv", paths)
    labels.save([0, 1], "cat")
    labels.save([3], "dog")
    assert labels.of_rows() == ["cat", "cat", "", "dog"]
    table = str(tmp_path / "labels.csv")
    classes, _, _ = label_table.read(modality.IMAGES, table, [], paths)
    assert classes.names == ("cat", "dog")
    assert classes.numbers.tolist()[:2] == [0, 0] and classes.numbers[3] == 1


def test_what_is_saved_is_there_again(tmp_path):
    Labels(tmp_path / "l.csv", PATHS).save([0, 1, 2], "cat")
    again = Labels(tmp_path / "l.csv", PATHS)
    assert again.of_rows() == ["cat", "cat", "cat", ""] and again.unknown == 0


def test_what_others_wrote_stays(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text(
        "\ufefflabel,path,by\ncat,a/1.png,me\nx,gone.png,you\n,b/4.png\n", "utf-8"
    )
    labels = Labels(path, PATHS)
    assert labels.unknown == 1 and labels.of_rows() == ["cat", "", "", ""]
    with open(path, "a", encoding="utf-8") as file:
        file.write("late,other.png,them\n")
    labels.save([0, 3], "dog")
    assert path.read_text("utf-8").splitlines() == [
        "label,path,by",
        "dog,a/1.png,me",
        "x,gone.png,you",
        "dog,b/4.png,",
        "late,other.png,them",
    ]


def test_an_empty_label_takes_one_away(tmp_path):
    labels = Labels(tmp_path / "l.csv", PATHS)
    labels.save([0, 3], "cat")
    labels.save([0, 1], " ")
    assert labels.of_rows() == ["", "", "", "cat"]
    assert Labels(tmp_path / "l.csv", PATHS).of_rows() == ["", "", "", "cat"]


def test_a_table_is_whole_whatever_happens(tmp_path, monkeypatch):
    labels = Labels(tmp_path / "l.csv", PATHS)
    labels.save([0], "cat")
    before = (tmp_path / "l.csv").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match="--labels=.*No space left on device"):
        labels.save([1], "dog")
    assert (tmp_path / "l.csv").read_bytes() == before
    assert os.listdir(tmp_path) == ["l.csv"]
    assert labels.of_rows() == ["cat", "", "", ""]


def test_labels_that_are_saved_at_once_are_all_kept(tmp_path):
    paths = [f"{row}.png" for row in range(24)]
    labels = Labels(tmp_path / "l.csv", paths)
    threads = [
        threading.Thread(target=labels.save, args=([row], f"label {row}"))
        for row in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Labels(tmp_path / "l.csv", paths).of_rows()
    assert found == [f"label {row}" for row in range(24)]


def test_a_table_stays_as_its_writer_separates_it(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("File;Class\n a/1.png;cat\nb/4.png;dog; \n")
    labels = Labels(path, PATHS)
    assert labels.of_rows() == ["", "", "", "dog"] and labels.unknown == 1
    labels.save([0, 3], "cat; or dog")
    assert path.read_text().splitlines() == [
        "File;Class",
        " a/1.png;cat",
        'b/4.png;"cat; or dog"; ',
        'a/1.png;"cat; or dog"',
    ]


def test_refuses_other_tables(tmp_path):
    with pytest.raises(InputError, match="--labels=.*there is no such folder"):
        Labels(tmp_path / "none" / "l.csv", PATHS)
    for text in ("name,kind\n", "path\n", "", "\0\n"):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(InputError, match="expected the columns path and label"):
            Labels(tmp_path / "l.csv", PATHS)
