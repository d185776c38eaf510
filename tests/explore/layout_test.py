"""The map of `explore`, and the file that keeps it."""

import numpy as np
import pytest

from keras_twins.explore import layout


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A sample that fewer rows fill, and no UMAP, which compiles for half a minute."""
    monkeypatch.setitem(layout.embedding_map.__dict__, "_FEWEST", 10**9)
    monkeypatch.setattr(layout, "_SAMPLE", 90)


def clusters(rng, count):
    labels = np.arange(count) % 3
    rows = 5.0 * np.eye(3, 8)[labels] + 0.1 * rng.normal(size=(count, 8))
    return rows.astype(np.float32), labels


def test_those_beyond_the_sample_lie_with_their_like(rng):
    rows, labels = clusters(rng, 400)
    points, method = layout.make(rows)
    assert points.shape == (400, 2) and points.dtype == np.float32 and method == "PCA"
    centres = np.stack([points[labels == label].mean(axis=0) for label in range(3)])
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), labels)
    np.testing.assert_array_equal(points, layout.make(rows)[0])


def test_a_copy_of_a_placed_row_lies_on_it(rng):
    rows, _ = clusters(rng, 90)
    both = np.concatenate([rows, rows])
    points, _ = layout.make(both)
    np.testing.assert_allclose(points[:90], points[90:], atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_files_have_a_map(rng, count):
    points, _ = layout.make(rng.normal(size=(count, 4)).astype(np.float32))
    assert points.shape == (count, 2) and np.isfinite(points).all()


def test_a_map_is_kept_and_made_anew_for_other_embeddings(rng, tmp_path, monkeypatch):
    rows, _ = clusters(rng, 120)
    path = tmp_path / "e.npz.map.npz"
    first, method, key = layout.read_or_make(rows, path)
    made = []
    monkeypatch.setattr(
        layout, "make", lambda *given: made.append(given) or (first, "PCA")
    )
    again = layout.read_or_make(rows, path)
    np.testing.assert_array_equal(first, again[0])
    assert again[1:] == (method, key) and not made
    rows[7, 3] += 1e-3
    assert layout.read_or_make(rows, path)[2] != key and len(made) == 1
    path.write_bytes(path.read_bytes()[:100])
    layout.read_or_make(rows, path)
    assert len(made) == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_takes_no_file_costs_the_file_alone(rng, tmp_path, capsys):
    rows, _ = clusters(rng, 60)
    points, _, _ = layout.read_or_make(rows, tmp_path / "none" / "map.npz")
    assert len(points) == 60
    assert "the map is not kept: " in capsys.readouterr().err
