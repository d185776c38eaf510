"""The images nearest to queries: of a run, and of a file of embeddings."""

import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_twins import collection, data, pictures
from keras_twins.commands import neighbours
from keras_twins.errors import InputError
from keras_twins.export.saved_model import image_graph
from keras_twins.serving.local import ExportedModel

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
    (query, *near), (other, *_) = neighbours.of_run(
        workdir.path, [scans[5], scans[7]], k=4
    )
    assert other[0] == "07.png"
    assert query[0] == "05.png" and query[2].shape == (16, 16, 3)
    assert len(near) == 4
    name, similarity, pixels = near[0]
    label = list(data.load("digits", "train", labels=True).take(6))[5][1]
    assert name == f"train image 5, class {label}"
    assert similarity == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(pixels, query[2], atol=1e-3)
    similarities = [s for _, s, _ in near]
    assert similarities == sorted(similarities, reverse=True)


def test_a_query_of_16_bits_has_the_levels_of_the_run(small_run, scans, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(small_run(1)[0].path, workdir)
    (workdir / "images.json").write_text('{"splits": {}, "levels": [0, 4095]}')
    with Image.open(scans[5]) as scan:
        samples = np.rint(np.asarray(scan.convert("L")) * (4095 / 255))
    deep = tmp_path / "deep.tif"
    Image.fromarray(samples.astype(np.uint16)).save(deep)
    ((query, nearest),) = neighbours.of_run(workdir, [deep], k=1)
    assert nearest[0].startswith("train image 5, ")
    assert nearest[1] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(nearest[2], query[2], atol=1e-3)


def _nearest(embeddings, query, k, own=None):
    """Rows and cosines of the nearest embeddings, by the definition."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = unit @ (query / np.linalg.norm(query))
    if own is not None:
        cosines[own] = -np.inf
    order = np.argsort(-cosines)[:k]
    return order, cosines[order]


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".npy"])
def test_the_neighbours_in_a_file_are_those_of_highest_cosine(
    scans, suffix, tmp_path, rng
):
    embeddings = rng.normal(size=(20, 8)).astype(np.float32)
    path = tmp_path / f"embeddings{suffix}"
    collection.write(path, embeddings, scans)
    found = neighbours.of_file(path, [scans[3], scans[11]], k=5)
    for own, (query, *near) in zip((3, 11), found, strict=True):
        order, cosines = _nearest(embeddings, embeddings[own], 5, own)
        assert [name for name, _, _ in near] == [str(scans[i]) for i in order]
        np.testing.assert_allclose([s for _, s, _ in near], cosines, atol=1e-5)
        with Image.open(scans[own]) as scan:
            np.testing.assert_array_equal(query[2], np.asarray(scan))
    neighbours.draw(found, tmp_path / "drawn.png")
    tile, gap = neighbours._TILE + neighbours._GAP, neighbours._GAP
    with Image.open(tmp_path / "drawn.png") as drawn:
        # A row for each query: itself and its five neighbours.
        assert drawn.size == (gap + 6 * tile, gap + 2 * (tile + neighbours._LINE))
        at = gap + neighbours._TILE // 2, gap + tile + neighbours._LINE + 64
        shown = pictures.thumbnail(found[1][0][2], neighbours._TILE)
        assert drawn.getpixel(at) == shown.getpixel((64, 64))


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """An exported model of random weights."""
    inputs = keras.Input((8, 8, 3))
    encoder = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    folder = tmp_path_factory.mktemp("exported") / "embedder"
    image_graph(encoder, 8, None, True, 10_000).save(folder / "1")
    return folder


def test_a_model_embeds_the_queries_that_are_not_in_the_file(
    scans, model_dir, tmp_path
):
    embeddings = ExportedModel(model_dir / "1").embed(scans)
    path = tmp_path / "embeddings.npz"
    collection.write(path, embeddings[:15], scans[:15])
    queries = [scans[17], scans[2], scans[16]]
    found = neighbours.of_file(path, queries, 4, model_dir)
    for query, row, own, shown in zip(
        queries, (17, 2, 16), (None, 2, None), found, strict=True
    ):
        order, cosines = _nearest(embeddings[:15], embeddings[row], 4, own)
        assert shown[0][0] == str(query)
        assert [name for name, _, _ in shown[1:]] == [str(scans[i]) for i in order]
        np.testing.assert_allclose([s for _, s, _ in shown[1:]], cosines, atol=1e-5)
    collection.write(path, embeddings[:15, :3], scans[:15])
    with pytest.raises(InputError, match=r"embedder/1 gives .* width 4; .*of 3"):
        neighbours.of_file(path, queries, 4, model_dir)


def test_more_neighbours_than_images(scans, tmp_path, rng):
    path = tmp_path / "two.npz"
    collection.write(path, rng.normal(size=(2, 3)), scans[:2])
    [shown] = neighbours.of_file(path, [scans[0]], k=9)
    assert len(shown) == 2


def test_refuses_what_cannot_be_searched(small_run, scans, tmp_path, rng):
    path = tmp_path / "embeddings.npz"
    embeddings = rng.normal(size=(19, 3)).astype(np.float32)
    collection.write(path, embeddings, scans[:19])
    with pytest.raises(InputError, match="19.png is not one of the 19 images"):
        neighbours.of_file(path, [scans[0], scans[19]], 3)
    with pytest.raises(InputError, match="no_model' does not exist"):
        neighbours.of_file(path, [scans[19]], 3, tmp_path / "no_model")
    embeddings[4] = np.nan
    collection.write(path, embeddings, scans[:19])
    with pytest.raises(InputError, match=r"embeddings\.npz: .*1 of 19 rows"):
        neighbours.of_file(path, [scans[0]], 3)
    collection.write(path, embeddings)
    with pytest.raises(InputError, match=r"embeddings\.npz has no paths"):
        neighbours.of_file(path, [scans[0]], 3)
    np.savez(path, features=embeddings)
    with pytest.raises(InputError, match=r"--embeddings=.*npz does not hold embedd"):
        neighbours.of_file(path, [scans[0]], 3)
    with pytest.raises(InputError, match=r"--embeddings=.*expected a name ending in"):
        neighbours.of_file(tmp_path / "embeddings.csv", [scans[0]], 3)
    text = tmp_path / "note.txt"
    text.write_text("no image")
    with pytest.raises(InputError, match=r"note\.txt is not a JPEG"):
        neighbours.of_run(small_run(1)[0].path, [text], 3)
    with pytest.raises(InputError, match="does not exist"):
        neighbours.of_run(small_run(1)[0].path, [tmp_path / "none.png"], 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["neighbours", "--workdir=x"], "expected one query image or more"),
        (["neighbours", "a.png"], "--workdir or --embeddings"),
        (["neighbours", "a.png", "--workdir=x", "--embeddings=y"], "not both"),
        (["neighbours", "a.png", "--workdir=x", "--output=o.jpg"], "--output=o.jpg"),
        (["neighbours", "a.png", "--workdir=x", "--model_dir=m"], "--model_dir=m"),
        (["neighbours", "a.png", "--embeddings=no.npz"], "--embeddings=no.npz"),
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
