"""An index beside a file of embeddings: as exact search, kept, and made anew."""

import os

import numpy as np
import pytest

from keras_twins import collection
from keras_twins.collection.index import SUFFIX, IndexedNeighbours, index_path
from keras_twins.errors import InputError

pytest.importorskip("faiss")


@pytest.fixture
def rows():
    """Embeddings around some centres, as those of images are."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 16))
    found = centres[rng.integers(0, 20, 2000)] + 0.5 * rng.normal(size=(2000, 16))
    return found.astype(np.float32)


def _indexes(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == SUFFIX)


def test_it_finds_what_exact_search_finds(rows, tmp_path):
    path = tmp_path / "e.npy"
    collection.write(path, rows)
    queries = rows[:100] * 3 + 0.1  # Lengths do not matter.
    exact, cosines = collection.Neighbours(rows).search(queries, 10)
    found, similarities = IndexedNeighbours(rows, path).search(queries, 10)
    same = [len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]
    assert sum(same) >= 0.99 * 1000
    right = exact == found
    np.testing.assert_allclose(similarities[right], cosines[right], atol=1e-5)
    assert (np.diff(similarities) <= 1e-6).all()


def test_it_is_kept_and_made_anew_when_the_file_changes(rows, tmp_path, monkeypatch):
    path = tmp_path / "e.npy"
    collection.write(path, rows)
    stays = tmp_path / "e.npy.mine.hnsw"
    stays.write_text("of somebody else")
    IndexedNeighbours(rows, path)
    assert _indexes(tmp_path) == sorted([index_path(path).name, stays.name])
    with monkeypatch.context() as patch:
        patch.setattr(IndexedNeighbours, "_build", None)
        IndexedNeighbours(rows, path).search(rows[:1], 1)
    before = index_path(path)
    collection.write(path, -rows)
    os.utime(path, ns=(1, 1))
    changed = IndexedNeighbours(-rows, path)
    assert changed.search(-rows[7:8], 1)[0].tolist() == [[7]]
    assert index_path(path) != before and not before.exists()
    assert _indexes(tmp_path) == sorted([index_path(path).name, stays.name])


def test_a_damaged_index_is_made_anew(rows, tmp_path):
    path = tmp_path / "e.npy"
    collection.write(path, rows)
    index_path(path).write_text("torn")
    assert IndexedNeighbours(rows, path).search(rows[:1], 1)[0].tolist() == [[0]]


def test_the_index_of_a_folder_of_shards_changes_with_them(rows, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    collection.write(folder / "a.parquet", rows[:5], ["a"] * 5)
    before = index_path(folder)
    assert before.parent == tmp_path
    collection.write(folder / "b.parquet", rows[5:9], ["b"] * 4)
    assert index_path(folder) != before


def test_what_cannot_be_searched(rows, tmp_path):
    path = tmp_path / "e.npy"
    collection.write(path, rows)
    with pytest.raises(ValueError, match="of width 16"):
        IndexedNeighbours(rows, path).search(rows[:1, :3], 1)
    rows[3, 4] = np.inf
    with pytest.raises(InputError, match="1 of 2000 rows"):
        IndexedNeighbours(rows, path)
    # Of few embeddings, all are found.
    found, _ = IndexedNeighbours(rows[:3], path).search(rows[:1], 3)
    assert sorted(found[0].tolist()) == [0, 1, 2]
