"""The nearest embeddings are those of the definition, whatever the blocks."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from keras_twins.collection import Neighbours, neighbours
from keras_twins.errors import InputError


def _reference(embeddings, queries, k):
    """Indices and cosines by the definition, in float64."""
    units = []
    for rows in (np.float64(queries), np.float64(embeddings)):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        units.append(rows / np.where(lengths > 0, lengths, 1.0))
    cosines = units[0] @ units[1].T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosines, order, axis=1)


def _set_blocks(monkeypatch, rows, queries):
    monkeypatch.setattr(neighbours, "_rows_at_a_time", lambda width, k: rows)
    monkeypatch.setattr(neighbours, "_QUERIES_AT_A_TIME", queries)


blocks = pytest.mark.parametrize(
    "rows, queries", [(65_536, 256), (1, 1), (7, 3), (64, 50), (299, 49), (300, 8)]
)


@blocks
@pytest.mark.parametrize("k", [1, 5, 300])
def test_the_neighbours_are_those_of_the_definition(rng, monkeypatch, rows, queries, k):
    _set_blocks(monkeypatch, rows, queries)
    embeddings, asked = rng.normal(size=(300, 8)), rng.normal(size=(50, 8))
    indices, similarities = Neighbours(embeddings).search(asked, k)
    expected, cosines = _reference(embeddings, asked, k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(similarities, cosines, atol=1e-6)
    assert indices.dtype == np.int64 and similarities.dtype == np.float32
    assert np.all(np.diff(similarities, axis=1) <= 0)


@blocks
def test_of_equally_near_ones_the_lower_row_comes_first(
    rng, monkeypatch, rows, queries
):
    _set_blocks(monkeypatch, rows, queries)
    few = rng.normal(size=(4, 37)).astype(np.float32)
    # Copies, also of another length, in any order: more of each than are asked for.
    which = rng.integers(0, 4, 300)
    embeddings = few[which] * 2.0 ** rng.integers(-3, 4, (300, 1))
    indices, similarities = Neighbours(embeddings).search(few[[0, 1, 2, 3] * 13], 40)
    for row, (near, cosines) in enumerate(zip(indices, similarities, strict=True)):
        copies = np.flatnonzero(which == row % 4)
        np.testing.assert_array_equal(near, copies[:40])
        assert len(np.unique(cosines)) == 1


@blocks
def test_zeros_have_a_similarity_of_0(monkeypatch, rows, queries):
    _set_blocks(monkeypatch, rows, queries)
    embeddings = np.array([[0, 0], [-1, 0], [0, 0], [1, 0]])
    indices, similarities = Neighbours(embeddings).search([[2, 0], [0, 0]], 4)
    np.testing.assert_array_equal(indices, [[3, 0, 2, 1], [0, 1, 2, 3]])
    np.testing.assert_array_equal(similarities, [[1, 0, 0, -1], [0, 0, 0, 0]])


def test_huge_and_tiny_embeddings_keep_their_direction(rng):
    directions = rng.normal(size=(77, 16)).astype(np.float32)
    directions /= np.abs(directions).max(axis=1, keepdims=True)
    # The squares of most of them are no float32.
    lengths = np.logspace(-37, 38, 77, dtype=np.float32)[:, np.newaxis]
    found = Neighbours(directions * lengths)
    indices, similarities = found.search(directions * lengths[::-1], 10)
    expected, cosines = _reference(directions, directions, 10)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(similarities, cosines, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
def test_other_numbers_are_taken(rng, dtype):
    embeddings = (100 * rng.normal(size=(60, 5))).astype(dtype)
    indices, similarities = Neighbours(embeddings).search(embeddings[:7], 6)
    expected, cosines = _reference(embeddings, embeddings[:7], 6)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(similarities, cosines, atol=1e-6)


def test_a_mapped_file_is_searched_in_blocks(rng, tmp_path, monkeypatch):
    _set_blocks(monkeypatch, 400, 2)
    embeddings = rng.normal(size=(20_000, 64)).astype(np.float32)
    np.save(tmp_path / "e.npy", embeddings)
    mapped = np.load(tmp_path / "e.npy", mmap_mode="r")
    tracemalloc.start()
    try:
        indices, _ = Neighbours(mapped).search(embeddings[:3], 4)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(indices, _reference(embeddings, embeddings[:3], 4)[0])
    assert peak < embeddings.nbytes / 4


@pytest.mark.parametrize("width, k", [(1, 1), (192, 12), (2048, 200), (10**8, 200)])
def test_a_block_takes_at_most_128_megabytes(width, k):
    rows = neighbours._rows_at_a_time(width, k)
    assert rows == 1 or 8 * rows * width <= 2**27
    [first, *_] = neighbours._parts(np.zeros((999, 1)), width, k)
    assert 8 * rows * len(first) <= 2**25  # Its similarities.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_what_is_not_finite(rng, value):
    embeddings = rng.normal(size=(30, 4))
    broken = embeddings.copy()
    broken[[3, 5], 1] = value
    with pytest.raises(InputError, match="embeddings are not finite.*2 of 30 rows"):
        Neighbours(broken)
    with pytest.raises(InputError, match="queries are not finite.*1 of 4 rows"):
        Neighbours(embeddings).search(broken[:4], 1)


def test_refuses_shapes_and_numbers_that_make_no_sense(rng):
    embeddings = rng.normal(size=(30, 4))
    for wrong in (embeddings[0], embeddings[:0], embeddings[:, :0]):
        with pytest.raises(ValueError, match="embeddings must be a matrix"):
            Neighbours(wrong)
        with pytest.raises(ValueError, match="queries must be a matrix"):
            Neighbours(embeddings).search(wrong, 1)
    with pytest.raises(ValueError, match=r"width 4. Received: shape=\(30, 3\)"):
        Neighbours(embeddings).search(embeddings[:, :3], 1)
    for k in (0, -1, 31):
        with pytest.raises(ValueError, match=rf"1\.\.30.*k={k}"):
            Neighbours(embeddings).search(embeddings, k)


def test_files_and_a_search_do_not_start_tensorflow():
    program = (
        "import sys, keras_twins as kt; kt.collection.read, kt.collection.write; "
        "kt.collection.Neighbours([[1, 2]]).search([[1, 2]], 1); "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
