"""Which keys may change while a run goes on."""

import pathlib

import pytest

from keras_twins.runs import adjustable

OLD = {
    "dataset": "folder:/data/photos",
    "data_dir": None,
    "epochs": 100,
    "evaluation.k": 200,
    "checkpoint.keep": 3,
    "collapse.stop": False,
    "callbacks": [],
    "max_bad_images": 0.01,
    "download": False,
}


@pytest.mark.parametrize(
    "changed",
    [
        {"data_dir": "/elsewhere"},
        {"download": True},
        {"evaluation.k": 20},
        {"test_split": "val", "labels": "/labels.csv", "label_key": "fine"},
        {"checkpoint.keep": 1},
        {"collapse.stop": True},
        {"callbacks": ["keras.callbacks:CSVLogger"]},
        {"max_bad_images": 0.5},
        {"dataset": "folder:/data/photos/"},
        {"dataset": "folder:/data/./photos"},
    ],
)
def test_what_leaves_the_weights_alone_may_change(changed):
    assert adjustable.differences(OLD, OLD | changed) == {}


@pytest.mark.parametrize(
    "changed",
    [{"epochs": 200}, {"dataset": "folder:/data/other"}, {"init_from": "runs/a"}],
)
def test_what_changes_the_weights_may_not(changed):
    (key,) = changed
    found = adjustable.differences(OLD, OLD | changed)
    assert list(found) == [key] and found[key].startswith(f"{key}: ")


def test_one_folder_is_one_folder_however_it_is_spelt(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expected = OLD | {"dataset": f"folder:{tmp_path}/photos"}
    for text in ("~/photos", "photos", "photos/", "./photos/."):
        assert (
            adjustable.differences(expected, OLD | {"dataset": f"folder:{text}"}) == {}
        )


def test_the_name_of_a_data_set_is_not_a_path():
    flat = {"dataset": "cifar10", "init_from": None}
    assert adjustable.with_absolute_paths(flat) == flat


def test_the_page_has_the_same_list():
    page = pathlib.Path(__file__).parents[2] / "docs" / "reliability.md"
    text = page.read_text("utf-8")
    for key, reason in adjustable.ADJUSTABLE.items():
        assert (
            f"| `{key.rstrip('.')}{'.*' if key.endswith('.') else ''}` | {reason} |"
            in text
        )
