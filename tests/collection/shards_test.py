"""Shards: whole or absent, each file once and in order, never of two models."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from keras_twins import collection
from keras_twins.collection import shards
from keras_twins.collection.images import File
from keras_twins.collection.shards import Shards
from keras_twins.errors import InputError

MODEL = ("models/embedder/1", "sha256 1")
FILES = [File(f"photos/é {n:02}.jpg", 100 + n, 10**18 + n) for n in range(30)]


def rows(files):
    """An embedding that tells which file, and which state of it, it is of."""
    found = [[hash(file.path) % 10_007, file.size, 1.0] for file in files]
    return np.array(found, np.float32).reshape(-1, 3)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "ROWS", 4)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "embeddings"


def add(folder, *groups):
    with Shards(folder, MODEL) as opened:
        for group in groups:
            opened.add(rows(group), group)


def arrange(folder, wanted):
    with Shards(folder, MODEL) as opened, opened.ledger() as ledger:
        ledger.add(wanted)
        return opened.arrange(ledger)


def embedded(folder, wanted):
    """Those of the files that have an embedding."""
    with Shards(folder, MODEL) as opened, opened.ledger() as ledger:
        ledger.add(wanted)
        opened.mark_in(ledger)
        return [place.file for place in ledger.places()]


def assert_holds(folder, files):
    read = collection.read(folder)
    assert read.paths == [file.path for file in files]
    np.testing.assert_array_equal(read.embeddings, rows(files))
    # Another reader sees no more than ours.
    table = pq.read_table(folder)
    assert table["path"].to_pylist() == read.paths
    assert table["size"].to_pylist() == [file.size for file in files]


def states(folder):
    return {p.name: p.stat().st_ino for p in folder.iterdir()}


@pytest.mark.parametrize("seed", range(8))
def test_arranged_shards_hold_each_file_once_in_the_order_of_the_collection(
    folder, seed
):
    rng = np.random.default_rng(seed)
    order = [FILES[n] for n in rng.permutation(len(FILES))]
    late = {n: FILES[n]._replace(size=7) for n in rng.choice(30, 5, replace=False)}
    changed = [late.get(n, file) for n, file in enumerate(FILES)]
    add(folder, *(order[start : start + 3] for start in range(0, 27, 3)))
    add(folder, list(late.values())[:4])
    embedded = {file.path: file for file in [*order[:27], *list(late.values())[:4]]}
    wanted = [changed[n] for n in np.sort(rng.choice(30, 20, replace=False))]
    there = [file for file in wanted if embedded.get(file.path) == file]
    assert arrange(folder, wanted) == len(there)
    assert_holds(folder, there)
    before = states(folder)
    assert arrange(folder, wanted) == len(there)
    assert states(folder) == before


def test_files_that_come_last_leave_the_earlier_shards_alone(folder):
    add(folder, FILES[:4], FILES[4:8])
    before = states(folder)
    add(folder, FILES[8:11])
    assert arrange(folder, FILES) == 11
    assert_holds(folder, FILES[:11])
    assert before.items() <= states(folder).items()


@pytest.mark.parametrize("steps", range(1, 14))
def test_arranging_that_is_killed_loses_nothing(folder, steps, monkeypatch):
    add(folder, FILES[10:14], FILES[0:4], FILES[6:9], FILES[20:24])
    wanted = FILES[1:9] + FILES[11:22]
    there = FILES[1:4] + FILES[6:9] + FILES[11:14] + FILES[20:22]

    def killed_after(function):
        def step(*arguments, **named):
            nonlocal steps
            steps -= 1
            if steps <= 0:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(shards.os, "replace", killed_after(os.replace))
        patched.setattr(
            shards.pathlib.Path, "unlink", killed_after(shards.pathlib.Path.unlink)
        )
        try:
            arrange(folder, wanted)
        except KeyboardInterrupt:
            pass
    # Unfinished as it is, each file has one embedding, and the right one.
    read = collection.read(folder)
    found = dict(zip(read.paths, read.embeddings, strict=True))
    assert len(read.paths) == len(found)
    for file in there:
        np.testing.assert_array_equal(found[file.path], rows([file])[0])
    assert arrange(folder, wanted) == len(there)
    assert_holds(folder, there)


def test_what_a_kill_left_is_no_shard(folder):
    add(folder, FILES[:4])
    (folder / ".partial-shard-000001.parquet").write_bytes(b"half")
    (folder / ".partial-ledger.sqlite").write_bytes(b"half")
    with Shards(folder, MODEL):
        assert [p.name for p in folder.iterdir()] == ["shard-000000.parquet"]
    assert embedded(folder, FILES) == FILES[:4]


@pytest.mark.parametrize("model", [("models/embedder/2", "sha256 2")])
def test_embeddings_of_another_model_are_refused_and_stay(folder, model):
    add(folder, FILES[:4])
    with pytest.raises(InputError, match="by models/embedder/1, and models/embedder/2"):
        with Shards(folder, model):
            pass
    assert_holds(folder, FILES[:4])


def test_the_same_model_elsewhere_is_the_same(folder):
    add(folder, FILES[:4])
    with Shards(folder, ("copied/embedder/7", MODEL[1])) as opened:
        opened.add(rows(FILES[4:6]), FILES[4:6])
    assert_holds(folder, FILES[:6])


def test_a_folder_of_other_files_is_refused_and_stays(folder):
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"a picture")
    with pytest.raises(InputError, match="holds holiday.jpg, which is not a shard"):
        with Shards(folder, MODEL):
            pass
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]


def test_a_damaged_shard_is_named_with_what_to_do(folder):
    add(folder, FILES[:4], FILES[4:8])
    path = folder / "shard-000001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="shard-000001.parquet.* delete it"):
        with Shards(folder, MODEL):
            pass
    path.unlink()
    assert embedded(folder, FILES) == FILES[:4]


def test_one_process_writes_at_a_time(folder):
    with Shards(folder, MODEL) as opened:
        opened.add(rows(FILES[:1]), FILES[:1])
        with pytest.raises(InputError, match="written by another process"):
            with Shards(folder, MODEL):
                pass
    with Shards(folder, MODEL):
        pass


def test_a_folder_without_a_shard_goes_again(folder):
    with Shards(folder, MODEL):
        assert folder.is_dir()
    assert not folder.exists()


def test_names_that_are_not_utf_8_are_kept(folder):
    odd = [File("photos/\udcff\n,.jpg", 1, 2), FILES[0]]
    add(folder, odd)
    assert embedded(folder, odd) == odd
    assert arrange(folder, odd) == 2
    assert collection.read(folder).paths == [file.path for file in odd]


def test_a_folder_without_embeddings_is_named(tmp_path):
    with pytest.raises(InputError, match="does not hold embeddings: it has no .parq"):
        collection.read(tmp_path)
