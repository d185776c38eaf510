"""A walk names the images in order, and accounts for everything else."""

import collections
import os
import pathlib
import subprocess
import sys

import pytest

from keras_twins import listing

SUFFIXES = (".jpg", ".png")


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_every_entry_is_an_image_or_counted(tmp_path):
    make(
        tmp_path,
        *("b/2.PNG", "b/10.jpg", "a.png", "C.jpg", "b/deep/er/0.png"),
        *("x.tif", "b/y.TIF", "notes.txt", "README", "b/z.jpg.download_of_monday"),
        *(".hidden.png", "b/._a.png", ".git/objects/a.png", "b/.DS_Store"),
        *("Thumbs.db", "b/.thumbnails/a.png", "@eaDir/a.png", "__MACOSX/b/._a.png"),
    )
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "itself.jpg").symlink_to(tmp_path / "itself.jpg")
    found = listing.walk(tmp_path, SUFFIXES)
    assert found.files == [
        *("C.jpg", "a.png", "b/10.jpg", "b/2.PNG", "b/deep/er/0.png", "itself.jpg")
    ]
    assert found.ignored == {
        **{".tif": 2, ".txt": 1, "": 2, "hidden file": 3, "hidden folder": 1},
        **{"thumbnails file": 1, "thumbnails folder": 3, "pipe or device": 1},
        "link back to a folder above": 1,
    }
    assert listing.say_ignored(found.ignored) == (
        "5 other files ignored: without suffix 2, .tif 2, .txt 1; 3 hidden files; "
        "1 hidden folder; 1 thumbnails file; 3 thumbnails folders; 1 pipe or device; "
        "1 link back to a folder above"
    )


def test_what_is_skipped_is_skipped_at_the_top_alone(tmp_path):
    make(tmp_path, "test/0.png", "a/test/1.png")
    assert listing.walk(tmp_path, SUFFIXES, {"test"}).files == ["a/test/1.png"]
    assert listing.folders(tmp_path) == ["a", "test"]


@pytest.mark.parametrize(
    ("ignored", "said"),
    [
        ({}, ""),
        ({"hidden file": 1}, "1 hidden file ignored"),
        ({"hidden folder": 2, "thumbnails file": 1}, None),
        ({f".{i}": i for i in range(1, 9)}, None),
    ],
)
def test_what_was_ignored_is_a_line(ignored, said):
    line = listing.say_ignored(collections.Counter(ignored))
    if said is not None:
        assert line == said
    elif len(ignored) > 2:
        assert line == "36 other files ignored: .8 8, .7 7, .6 6, .5 5, .4 4, .3 3, …"
    else:
        assert line == "2 hidden folders ignored; 1 thumbnails file"


def test_an_image_far_below_is_found(tmp_path):
    make(tmp_path, "a/b/c/0.png", "text/a.txt", "text/.hidden/0.png")
    assert listing.has_image(tmp_path, SUFFIXES)
    assert not listing.has_image(tmp_path, SUFFIXES, deep=False)
    assert not listing.has_image(tmp_path / "text", SUFFIXES)
    assert listing.has_image(tmp_path / "a" / "b" / "c", SUFFIXES, deep=False)


def test_a_folder_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(OSError) as error:
        listing.walk(tmp_path / "missing", SUFFIXES)
    assert error.value.filename == str(tmp_path / "missing")


def test_it_needs_no_tensorflow():
    code = "import sys; from keras_twins import listing; assert 'tensorflow' not in "
    code += "sys.modules and 'keras' not in sys.modules"
    root = pathlib.Path(listing.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
