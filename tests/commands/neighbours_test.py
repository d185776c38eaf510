"""The images nearest to queries: of a run, and of a file of embeddings."""

import csv
import os
import pathlib
import shutil
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from PIL import Image

from keras_twins import collection, data
from keras_twins.commands import neighbours, searched
from keras_twins.errors import InputError
from keras_twins.export.saved_model import image_graph
from keras_twins.export.versions import newest_version
from keras_twins.report import sheet
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.serving.local import ExportedModel

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """The first twenty training images of digits, as files."""
    folder = tmp_path_factory.mktemp("scans")
    for index, image in enumerate(data.load("digits", "train").take(20)):
        Image.fromarray(image.numpy()).save(folder / f"{index:02d}.png")
    return sorted(folder.iterdir())


def _of_run(path, queries, count):
    """Answers about the training images of a run, and what was searched."""
    among = searched.OfRun(Run.read(Workdir(path)))
    return neighbours.find(among, list(map(str, queries)), count), among


def _of_file(path, queries, count, model_dir=None, index="exact"):
    version = newest_version(model_dir) if model_dir else None
    among = searched.File(path, version)
    return neighbours.find(among, list(map(str, queries)), count, index), among


def test_an_image_is_its_own_nearest_neighbour_in_a_run(small_run, scans):
    answers, among = _of_run(small_run(1)[0].path, [scans[5], scans[7]], 4)
    assert [answer.query for answer in answers] == [str(scans[5]), str(scans[7])]
    assert [len(answer.rows) for answer in answers] == [4, 4]
    label = list(data.load("digits", "train", labels=True).take(6))[5][1]
    # A scan is another file than what the run was trained on, so it is found.
    assert among.name(answers[0].rows[0]) == f"train[5], class {label}"
    assert answers[0].similarities[0] == pytest.approx(1.0, abs=1e-5)
    assert sorted(answers[0].similarities)[::-1] == list(answers[0].similarities)
    (thumbnail,) = among.thumbnails([5], sheet.TILE).values()
    assert thumbnail == searched.thumbnail(scans[5], sheet.TILE)


def test_a_query_of_16_bits_has_the_levels_of_the_run(small_run, scans, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(small_run(1)[0].path, workdir)
    (workdir / "images.json").write_text('{"splits": {}, "levels": [0, 4095]}')
    with Image.open(scans[5]) as scan:
        samples = np.rint(np.asarray(scan.convert("L")) * (4095 / 255))
    deep = tmp_path / "deep.tif"
    Image.fromarray(samples.astype(np.uint16)).save(deep)
    (answer,), among = _of_run(workdir, [deep], 1)
    assert answer.rows[0] == 5
    assert answer.similarities[0] == pytest.approx(1.0, abs=1e-5)
    shown = searched.thumbnail(deep, sheet.TILE, among.levels)
    assert shown == searched.thumbnail(scans[5], sheet.TILE)


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
    answers, among = _of_file(path, [scans[3], scans[11]], 5)
    for own, answer in zip((3, 11), answers, strict=True):
        order, cosines = _nearest(embeddings, embeddings[own], 5, own)
        assert answer.query == str(scans[own])
        assert answer.rows.tolist() == order.tolist()
        np.testing.assert_allclose(answer.similarities, cosines, atol=1e-5)
    assert neighbours.draw(among, answers, tmp_path / "drawn.png") == 0
    with Image.open(tmp_path / "drawn.png") as drawn:
        # A row for each query: itself and its five neighbours.
        assert drawn.size == (sheet.corner(2, 6)[0], sheet.corner(2, 6)[1])
        for column, row in enumerate((11, *answers[1].rows)):
            x, y = sheet.corner(1, column)
            shown = searched.thumbnail(scans[row], sheet.TILE)
            box = (x, y, x + sheet.TILE, y + sheet.TILE)
            assert drawn.crop(box).tobytes() == shown.tobytes()
    table = neighbours.table(among, answers)
    assert table[0] == ("query", "place", "similarity", "path") and len(table) == 11
    assert table[6][0] == str(scans[11]) and table[6][1] == "1"
    assert table[6][3] == str(scans[answers[1].rows[0]])


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
    answers, _ = _of_file(path, queries, 4, model_dir)
    for query, row, own, answer in zip(
        queries, (17, 2, 16), (None, 2, None), answers, strict=True
    ):
        order, cosines = _nearest(embeddings[:15], embeddings[row], 4, own)
        assert answer.query == str(query)
        assert answer.rows.tolist() == order.tolist()
        np.testing.assert_allclose(answer.similarities, cosines, atol=1e-5)
    collection.write(path, embeddings[:15, :3], scans[:15])
    with pytest.raises(InputError, match=r"embedder/1 gives .* width 4; .*of 3"):
        _of_file(path, queries, 4, model_dir)


def test_another_model_of_the_same_width_is_refused(scans, model_dir, tmp_path, rng):
    path = tmp_path / "embeddings.npz"
    collection.write(path, rng.normal(size=(15, 4)), scans[:15])
    with pytest.raises(
        InputError, match=r"embedder/1 is not the model of .* cosine|1 "
    ):
        _of_file(path, [scans[17]], 4, model_dir)
    # Where no file is there any more, nobody can tell.
    collection.write(path, rng.normal(size=(15, 4)), [f"{n}.png" for n in range(15)])
    answers, _ = _of_file(path, [scans[17]], 4, model_dir)
    assert len(answers[0].rows) == 4


def test_more_neighbours_than_images(scans, tmp_path, rng):
    path = tmp_path / "two.npz"
    collection.write(path, rng.normal(size=(2, 3)), scans[:2])
    [answer], _ = _of_file(path, [scans[0]], 9)
    assert answer.rows.tolist() == [1]


def test_files_that_have_gone_are_counted_and_still_found(scans, tmp_path, rng, capsys):
    path = tmp_path / "embeddings.parquet"
    rows = rng.normal(size=(6, 3)).astype(np.float32)
    collection.write(path, rows, [*map(str, scans[:4]), "gone/a.png", "gone/b.png"])
    _main(path, [str(scans[0]), "gone/a.png"], tmp_path / "near.png")
    said = capsys.readouterr().out
    assert "2 files of those found cannot be read: gone, or not an image" in said
    assert "gone/b.png" in said and "near.png and near.csv: 2 queries" in said
    with open(tmp_path / "near.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 10 and {row["query"] for row in found[5:]} == {"gone/a.png"}
    order, cosines = _nearest(rows, rows[4], 5, 4)
    assert [float(row["similarity"]) for row in found[5:]] == pytest.approx(
        cosines, abs=1e-5
    )


def test_a_folder_of_queries_and_a_folder_of_shards(scans, tmp_path, rng, capsys):
    rows = rng.normal(size=(20, 3)).astype(np.float32)
    shards = tmp_path / "shards"
    shards.mkdir()
    for name, here in (("a", slice(0, 12)), ("b", slice(12, 20))):
        collection.write(shards / f"{name}.parquet", rows[here], scans[here])
    _main(shards, [str(scans[0].parent)], tmp_path / "near.png", count=2)
    assert "near.csv: 20 queries" in capsys.readouterr().out
    with open(tmp_path / "near.csv", newline="") as file:
        found = list(csv.DictReader(file))
    for row, scan in enumerate(scans):
        order, _ = _nearest(rows, rows[row], 2, row)
        near = [line["path"] for line in found if line["query"] == str(scan)]
        assert near == [str(scans[i]) for i in order]


def test_files_of_the_collection_need_no_tensorflow(scans, tmp_path, rng):
    path = tmp_path / "embeddings.npz"
    collection.write(path, rng.normal(size=(20, 3)), scans)
    code = (
        "import sys; sys.modules['tensorflow'] = None; "
        "from keras_twins.commands import cli; cli.main('neighbours')"
    )
    arguments = [f"--embeddings={path}", f"--output={tmp_path}/near.png", "--count=2"]
    subprocess.run([sys.executable, "-c", code, str(scans[3]), *arguments], check=True)
    with open(tmp_path / "near.csv", newline="") as file:
        assert [line["query"] for line in csv.DictReader(file)] == [str(scans[3])] * 2


def _main(embeddings, queries, output, count=5, **changed):
    flags = {"embeddings": str(embeddings), "output": str(output), "count": count}
    flags |= dict.fromkeys(("workdir", "model_dir", "server"))
    flags |= {"model_name": "embedder", "index": "exact"} | changed
    neighbours.main(types.SimpleNamespace(**flags), queries)


def test_refuses_what_cannot_be_searched(small_run, scans, tmp_path, rng):
    path = tmp_path / "embeddings.npz"
    embeddings = rng.normal(size=(19, 3)).astype(np.float32)
    collection.write(path, embeddings, scans[:19])
    with pytest.raises(InputError, match="19.png is not one of the 19 images"):
        _of_file(path, [scans[0], scans[19]], 3)
    with pytest.raises(InputError, match="no_model' does not exist"):
        _of_file(path, [scans[19]], 3, tmp_path / "no_model")
    embeddings[4] = np.nan
    collection.write(path, embeddings, scans[:19])
    with pytest.raises(InputError, match=r"embeddings\.npz: .*1 of 19 rows"):
        _of_file(path, [scans[0]], 3)
    collection.write(path, embeddings)
    with pytest.raises(InputError, match=r"embeddings\.npz has no paths"):
        _of_file(path, [scans[0]], 3)
    np.savez(path, features=embeddings)
    with pytest.raises(InputError, match=r"--embeddings=.*npz does not hold embedd"):
        _of_file(path, [scans[0]], 3)
    with pytest.raises(InputError, match=r"--embeddings=.*expected a name ending in"):
        _of_file(tmp_path / "embeddings.csv", [scans[0]], 3)
    text = tmp_path / "note.txt"
    text.write_text("no image")
    with pytest.raises(InputError, match=r"note\.txt is not a JPEG"):
        _of_run(small_run(1)[0].path, [text], 3)
    with pytest.raises(InputError, match="does not exist"):
        _of_run(small_run(1)[0].path, [tmp_path / "none.png"], 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["neighbours", "--workdir=x"], "expected one query image or more"),
        (["neighbours", "a.png"], "--workdir or --embeddings"),
        (["neighbours", "a.png", "--workdir=x", "--embeddings=y"], "not both"),
        (["neighbours", "a.png", "--workdir=x", "--output=o.jpg"], "--output=o.jpg"),
        (["neighbours", "a.png", "--workdir=x", "--model_dir=m"], "--model_dir=m"),
        (["neighbours", "a.png", "--workdir=x", "--server=http://x"], "--server=http"),
        (
            ["neighbours", "a", "--embeddings=x", "--server=u", "--model_dir=m"],
            "one of",
        ),
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
