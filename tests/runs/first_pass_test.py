"""Folders with files that are no images, or vanish, or have odd names."""

import os

import pytest
from small_folders import ONE, first_pass_only, tiny_config, write_image

from keras_twins import data
from keras_twins.commands.evaluate import evaluate
from keras_twins.errors import InputError
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train

ODD = ["a b.png", "new\nline.png", "ζώο.png", "猫.PNG", 'q"uote\\.png', "tab\t.png"]


@pytest.fixture
def root(tmp_path):
    """Twenty images in two classes, six of odd names, and five files that are none."""
    folder = tmp_path / "images"
    for i in range(14):
        write_image(folder / "one" / f"{i:02d}.png", i)
    for i, name in enumerate(ODD):
        write_image(folder / "two" / name, 100 + i)
    whole = (folder / "one" / "00.png").read_bytes()
    (folder / "one" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "one" / "empty.png").touch()
    (folder / "one" / "text.jpg").write_text("no image")
    (folder / "two" / "vanished.png").symlink_to(folder / "nowhere.png")
    (folder / "two" / "loop.png").symlink_to(folder / "two" / "loop.png")
    (folder / "two" / "up").symlink_to(folder)
    os.mkfifo(folder / "two" / "pipe.png")
    return folder


BAD = ["one/cut.png", "one/empty.png", "one/text.jpg"]
BAD += ["two/loop.png", "two/vanished.png"]


def test_what_is_no_image_is_left_out_and_listed(root, tmp_path, capsys):
    workdir = Workdir(tmp_path / "run")
    model = train(Run(tiny_config(root), workdir, ONE), verbose=0)
    assert int(model.optimizer.iterations) == 20 // 8
    listed = workdir.read_bad_images()
    assert listed == {str(root / name) for name in BAD}
    out = capsys.readouterr().out
    assert "looking at 25 images" in out and "5 left out" in out
    assert "20 images of folder:" in out
    # What reads the run's data afterwards leaves them out as well.
    again = Run.read(workdir, test_split="train", evaluation={"k": 3})
    rows = evaluate(again, verbose=0)
    assert rows
    # A second start does not look again.
    train(Run(tiny_config(root), workdir, ONE), verbose=0)
    assert "looking at" not in capsys.readouterr().out


def test_more_than_the_share_stops_the_run_which_goes_on_with_another(root, tmp_path):
    workdir = Workdir(tmp_path / "run")
    with pytest.raises(InputError) as error:
        train(Run(tiny_config(root, max_bad_images=0.05), workdir, ONE), verbose=0)
    text = str(error.value)
    assert "2 of the first 16 of 25 images cannot be read" in text
    assert "--config.max_bad_images=0.05" in text and "bad_images.txt" in text
    assert len(workdir.read_bad_images()) == 2
    train(Run(tiny_config(root), workdir, ONE), verbose=0)
    assert len(workdir.read_bad_images()) == 5


def test_an_image_that_breaks_later_is_named_and_left_out_next_time(root, tmp_path):
    """The files are looked at once; one that changes meanwhile is met in training."""
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(root)
    first_pass_only(config, workdir)
    (root / "one" / "03.png").write_bytes(b"\x89PNG now broken")
    with pytest.raises(InputError, match=r"03\.png claims 0 x 0.*goes on without it"):
        train(Run(config, workdir, ONE), verbose=0)
    train(Run(config, workdir, ONE), verbose=0)
    assert str(root / "one" / "03.png") in workdir.read_bad_images()


def test_files_that_vanish_are_named_and_the_run_goes_on(root, tmp_path, capsys):
    workdir = Workdir(tmp_path / "run")
    config = tiny_config(root)
    first_pass_only(config, workdir)
    (root / "one" / "04.png").unlink()
    train(Run(config, workdir, ONE), verbose=0)
    assert "has other files than when they were last" in capsys.readouterr().out


def test_bad_images_are_found_in_their_order(root):
    paths = data.load(f"folder:{root}").source.paths
    found = list(data.unreadable(paths))
    assert found[-1] == (25, None)
    assert [path for _, path in found[:-1]] == [str(root / name) for name in BAD]
    assert all(paths[checked - 1] == path for checked, path in found[:-1])


def test_a_name_that_is_no_text_is_read_all_the_same(tmp_path):
    write_image(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/\xff.png")
    (image,) = data.load(f"folder:{tmp_path}")
    assert image.shape == (12, 12, 3)
    assert list(data.unreadable(data.load(f"folder:{tmp_path}").source.paths)) == [
        (1, None)
    ]
