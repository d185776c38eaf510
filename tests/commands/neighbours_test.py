"""The images nearest to a query: of a run, and of a file of embeddings."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_twins import data
from keras_twins.commands import neighbours
from keras_twins.embedding_file import save_embeddings
from keras_twins.errors import InputError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """The first twenty training images of digits, as files."""
    folder = tmp_path_factory.mktemp("scans")
    for index, image in enumerate(data.load("digits", "train").take(20)):
        Image.fromarray(image.numpy()).save(folder / f"{index:02d}.png")
    return sorted(folder.iterdir())


def test_an_image_is_its_own_nearest_neighbour_in_a_run(small_run, scans):
    workdir, _ = small_run(1)
    query, *near = neighbours.of_run(workdir.path, scans[5], k=4)
    assert query[0] == "05.png" and query[2].shape == (16, 16, 3)
    assert len(near) == 4
    name, similarity, pixels = near[0]
    label = list(data.load("digits", "train", labels=True).take(6))[5][1]
    assert name == f"train image 5, class {label}"
    assert similarity == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(pixels, query[2], atol=1e-3)
    similarities = [s for _, s, _ in near]
    assert similarities == sorted(similarities, reverse=True)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_the_neighbours_in_a_file_are_those_of_highest_cosine(
    scans, suffix, tmp_path, rng
):
    embeddings = rng.normal(size=(20, 8)).astype(np.float32)
    path = tmp_path / f"embeddings{suffix}"
    save_embeddings(path, scans, iter([embeddings]))
    query, *near = neighbours.of_file(path, scans[3], k=5)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = unit @ unit[3]
    cosines[3] = -np.inf
    order = np.argsort(-cosines)[:5]
    assert [name for name, _, _ in near] == [str(scans[i]) for i in order]
    np.testing.assert_allclose([s for _, s, _ in near], cosines[order], atol=1e-5)
    with Image.open(scans[3]) as scan:
        np.testing.assert_array_equal(query[2], np.asarray(scan))
    neighbours.draw([query, *near], tmp_path / "drawn.png")
    tile = neighbours._TILE + neighbours._GAP
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.width == neighbours._GAP + 5 * tile  # two rows of five


def test_more_neighbours_than_images(scans, tmp_path, rng):
    path = tmp_path / "two.npz"
    save_embeddings(path, scans[:2], iter([rng.normal(size=(2, 3))]))
    assert len(neighbours.of_file(path, scans[0], k=9)) == 2


def test_refuses_what_cannot_be_searched(small_run, scans, tmp_path, rng):
    path = tmp_path / "embeddings.npz"
    embeddings = rng.normal(size=(19, 3)).astype(np.float32)
    save_embeddings(path, scans[:19], iter([embeddings]))
    with pytest.raises(InputError, match="none of the 19 images"):
        neighbours.of_file(path, scans[19], 3)
    embeddings[4] = np.nan
    save_embeddings(path, scans[:19], iter([embeddings]))
    with pytest.raises(InputError, match="1 of 19 rows"):
        neighbours.of_file(path, scans[0], 3)
    np.savez(path, features=embeddings)
    with pytest.raises(InputError, match=r"embeddings\.npz holds no embeddings"):
        neighbours.of_file(path, scans[0], 3)
    with pytest.raises(InputError, match=r"expected a \.npz or \.parquet"):
        neighbours.of_file(tmp_path / "embeddings.csv", scans[0], 3)
    text = tmp_path / "note.txt"
    text.write_text("no image")
    with pytest.raises(InputError, match=r"note\.txt cannot be read as an image"):
        neighbours.of_run(small_run(1)[0].path, text, 3)
    with pytest.raises(InputError, match="does not exist"):
        neighbours.of_run(small_run(1)[0].path, tmp_path / "none.png", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["neighbours", "--workdir=x"], "expected one query image"),
        (["neighbours", "a.png"], "--workdir or --embeddings"),
        (["neighbours", "a.png", "--workdir=x", "--embeddings=y"], "not both"),
        (["neighbours", "a.png", "--workdir=x", "--output=o.jpg"], "--output=o.jpg"),
        (["neighbours", "a.png", "--workdir=no/run"], "--workdir=no/run"),
        (["report"], "--workdir"),
        (["report", "--workdir=no/run"], "--workdir=no/run"),
        (["report", "--workdir=x", "--output=page.pdf"], "--output=page.pdf"),
        (["report", "--workdir=x", "--output=no/p.html"], "--output=no/p.html"),
        (["report", *["--workdir=x"] * 5], "up to 4 runs"),
        (["evaluate", "--workdir=x", "--finetune=0.5"], "--workdir=x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(arguments, words):
    done = subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("keras-twins: ") and done.stderr.count("\n") == 1
    assert words in done.stderr
