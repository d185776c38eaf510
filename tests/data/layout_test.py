"""Folders as people have them: which images are which split and class."""

import os

import pytest
from PIL import Image

from keras_twins.data.loading import open_source
from keras_twins.errors import InputError


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("L", (3, 2)).save(path)
        else:
            path.touch()


def opened(root, split="train", **options):
    return open_source(f"folder:{root}", split, **options)


def names(source, root):
    return [os.path.relpath(path, root) for path in source.paths]


def labels(source):
    """The class of each image by name, in order; None where it has none."""
    return [source.class_names[n] if n >= 0 else None for n in source._labels]


@pytest.mark.parametrize(
    ("train", "test", "val"),
    [
        ("train", "test", "val"),
        ("Training", "Testing", "Validation"),
        ("TRAIN", "Test", "valid"),
        ("training_set", "test_set", "eval"),
        ("train2017", "test-images", "val2017"),
        ("seg_train", "seg_test", "seg_val"),
    ],
)
def test_a_split_is_found_in_any_spelling(tmp_path, train, test, val):
    make(tmp_path, f"{train}/a/0.png", f"{train}/b/1.png", f"{test}/b/2.png")
    make(tmp_path, f"{val}/c/3.png", "notes.txt")
    for split, folder, classes in (
        ("train", train, ["a", "b"]),
        ("test", test, ["b"]),
        ("val", val, ["c"]),
        ("validation", val, ["c"]),
        ("Testing", test, ["b"]),
    ):
        source = opened(tmp_path, split)
        assert {name.split("/")[0] for name in names(source, tmp_path)} == {folder}
        assert labels(source) == classes
        assert source.class_names == ("a", "b", "c")


def test_the_folders_that_say_no_split_are_classes(tmp_path):
    make(tmp_path, "city_train/0.png", "contest/1.png", "station/2.png")
    assert opened(tmp_path).class_names == ("city_train", "contest", "station")


@pytest.mark.parametrize("above", ["dataset", "dataset/v1", "images"])
def test_a_folder_in_a_folder_is_the_collection(tmp_path, above):
    make(tmp_path, f"{above}/train/a/0.png", f"{above}/test/b/1.png", "README.md")
    make(tmp_path, "annotations/a.xml", "__MACOSX/._0.png")
    assert names(opened(tmp_path), tmp_path) == [f"{above}/train/a/0.png"]
    assert opened(tmp_path, "test").class_names == ("a", "b")


def test_classes_one_level_down_are_classes(tmp_path):
    make(tmp_path, "flowers/rose/0.png", "flowers/tulip/1.png")
    assert labels(opened(tmp_path)) == ["rose", "tulip"]


def test_one_folder_of_images_is_one_class(tmp_path):
    make(tmp_path, "rose/0.png", "rose/1.png")
    assert opened(tmp_path).class_names == ("rose",)


def test_splits_inside_the_classes_are_splits(tmp_path):
    make(tmp_path, "cup/train/good/0.png", "cup/test/bad/1.png", "pen/train/2.png")
    make(tmp_path, "pen/test/3.png", "whole/4.png")
    train, test = opened(tmp_path), opened(tmp_path, "test")
    assert names(train, tmp_path) == ["cup/train/good/0.png", "pen/train/2.png"]
    assert names(test, tmp_path) == ["cup/test/bad/1.png", "pen/test/3.png"]
    assert labels(train) == labels(test) == ["cup", "pen"]
    assert "in no split, and not used: whole" in train.understood()


@pytest.mark.parametrize("test", ["test", "Testing", "val", "my_test_images"])
def test_a_folder_is_not_trained_on_its_own_test_images(tmp_path, test):
    make(tmp_path, f"{test}/a/0.png", "1.png", "2.png", "b/3.png", "b/4.png")
    found = names(opened(tmp_path), tmp_path)
    if test == "my_test_images":  # Nothing beside it says that it is a split.
        assert len(found) == 5
    else:
        assert found == ["1.png", "2.png", "b/3.png", "b/4.png"]


def test_test_images_alone_are_trained_on_only_where_one_asks_for_it(tmp_path):
    make(tmp_path, "Test/a/0.png", "notes/a.txt")
    with pytest.raises(InputError, match="no training images: .*Test .*split=test"):
        opened(tmp_path)
    assert len(opened(tmp_path, "test").paths) == 1


def test_two_spellings_of_a_split_are_not_trained_on(tmp_path):
    make(tmp_path, "a/0.png", "b/1.png", "test/a/2.png", "Testing/a/3.png")
    assert names(opened(tmp_path), tmp_path) == ["a/0.png", "b/1.png"]


def test_a_point_is_the_whole_folder_and_a_name_any_sub_folder(tmp_path):
    make(tmp_path, "train/0.png", "car/1.png", "extra/2.png")
    source = opened(tmp_path)
    assert names(source, tmp_path) == ["train/0.png"]
    assert "in no split, and not used: car, extra" in source.understood()
    whole = opened(tmp_path, ".")
    assert whole.class_names == ("car", "extra", "train")
    assert names(opened(tmp_path, "extra"), tmp_path) == ["extra/2.png"]


def test_stray_images_beside_the_classes_have_no_class(tmp_path):
    make(tmp_path, "a/0.png", "a/1.png", "b/2.png", "b/3.png", "preview.png")
    source = opened(tmp_path)
    assert labels(source) == ["a", "a", "b", "b", None]
    assert source.labelled().num_images == 4
    pairs = [int(label) for _, label in source.dataset(labels=True)]
    assert pairs == [0, 0, 1, 1]
    assert len(list(source.dataset())) == source.num_images == 5
    assert "1 image beside the sub-folders without a class" in source.understood()


def test_photographs_with_a_folder_among_them_have_no_classes(tmp_path):
    make(tmp_path, "0.png", "1.png", "2.png", "old/3.png", "older/4.png")
    source = opened(tmp_path)
    assert not source.has_labels and source.num_images == 5
    assert any("3 of 5 images lie in no sub-folder" in s for s in source.understood())


def test_what_was_understood_is_said(tmp_path):
    make(tmp_path, *(f"Training/a/{i}.png" for i in range(3)), "Training/b/0.png")
    make(tmp_path, "Training/c/.hidden", "Training/a/deep/0.png", "Training/x.tif2")
    make(tmp_path, "Testing/d/0.png", "extra/0.png", "loose.png")
    root = str(tmp_path)
    assert opened(tmp_path).understood() == [
        f"5 images in {root}/Training",
        "3 classes: a 4, b 1, d 0",
        "1 class with no image here: d",
        "1 class with one image: b",
        "1 sub-folder without an image: c",
        "1 folder inside those of the classes, not taken for classes: a/deep",
        "1 other file ignored: .tif2 1; 1 hidden file",
        f"splits: train in {root}/Training, test in {root}/Testing",
        f"in no split, and not used: extra, 1 image in {root} itself",
    ]


def test_of_a_thousand_classes_a_few_are_said(tmp_path):
    make(tmp_path, *(f"c{i:04d}/0.png" for i in range(1000)))
    lines = opened(tmp_path).understood()
    assert lines[1].startswith("1,000 classes: c0000 1, c0001 1")
    assert lines[1].endswith("c0009 1, … (1 to 1 images per class)")
    assert all(len(line) < 200 for line in lines)
