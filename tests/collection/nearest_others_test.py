"""The nearest others of every row: exactly, and in cells."""

import numpy as np

from keras_twins.collection import nearest_others as module
from keras_twins.collection.nearest_others import nearest_others


def _pairs(rng, count):
    """Rows in pairs that are nearly equal."""
    rows = rng.normal(size=(count // 2, 16))
    return np.repeat(rows, 2, axis=0) + rng.normal(size=(count, 16)) * 0.01


def test_a_row_is_not_its_own_neighbour(rng):
    rows = rng.normal(size=(50, 8)).astype(np.float32)
    rows[10:16] = rows[10]  # More equal rows than neighbours.
    indices, similarities = nearest_others(rows, 3)
    assert not (indices == np.arange(50)[:, np.newaxis]).any()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    expected = np.sort(cosines, axis=1)[:, :-4:-1]
    np.testing.assert_allclose(similarities, expected, atol=1e-6)


def test_asks_for_no_more_than_there_are(rng):
    assert nearest_others(rng.normal(size=(3, 4)), 9)[0].shape == (3, 2)
    assert nearest_others(rng.normal(size=(1, 4)), 9)[0].shape == (1, 0)


def test_cells_find_what_is_nearly_equal(rng, monkeypatch):
    rows = _pairs(rng, 1200)
    exact, _ = nearest_others(rows, 1)
    monkeypatch.setattr(module, "_EXACT", 100)
    in_cells, similarities = nearest_others(rows, 4)
    partner = np.arange(1200) ^ 1
    assert (exact[:, 0] == partner).all()
    assert (in_cells[:, 0] == partner).mean() > 0.99
    assert (np.diff(similarities, axis=1) <= 0).all()
    again, _ = nearest_others(rows, 4)
    np.testing.assert_array_equal(in_cells, again)


def test_a_cell_of_one_row(rng, monkeypatch):
    monkeypatch.setattr(module, "_EXACT", 1)
    rows = np.repeat(np.eye(3), [1, 40, 40], axis=0)
    indices, similarities = nearest_others(rows, 5)
    found = similarities > 0.5
    assert not found[0].any() and found[1:].all()
    assert (indices[~found] < 81).all()


class Watched:
    """Embeddings that are too large to be taken at once; it notes what is taken."""

    def __init__(self, rows):
        self._rows = rows
        self.most = 0

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, taken):
        found = self._rows[taken]
        self.most = max(self.most, len(found))
        return found


def test_large_embeddings_are_never_in_memory_at_once(rng, monkeypatch):
    rows = _pairs(rng, 6000)
    monkeypatch.setattr(module, "_EXACT", 100)
    monkeypatch.setattr(module, "_ROWS_AT_A_TIME", 500)
    monkeypatch.setattr(module, "_SAMPLES_PER_CELL", 10)
    watched, some = Watched(rows), np.arange(0, 6000, 2)
    indices, _ = nearest_others(watched, 3, of=some)
    assert watched.most < 1500
    np.testing.assert_array_equal(indices, nearest_others(rows[some], 3)[0])
