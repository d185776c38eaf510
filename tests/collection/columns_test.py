"""Further columns of embeddings, files larger than memory, and readers of others."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_twins import collection
from keras_twins.collection import files, parquet, room
from keras_twins.errors import InputError

ROWS = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
PATHS = [f"folder/{n}.png" for n in range(10)]
LABELS = np.arange(10) % 4
COLUMNS = {
    "split": np.array(["train", "test"] * 5),
    "width": np.arange(10) + 32,
    "score": np.linspace(0, 1, 10),
    "seen": np.arange(10) % 2 == 0,
}


def _assert_columns(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].tolist() == values.tolist()


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_further_columns_are_read_again(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(parquet, "_ROWS_IN_A_GROUP", 4)
    monkeypatch.setattr(files, "_ROWS_AT_A_TIME", 4)
    path = tmp_path / f"e{suffix}"
    collection.write(path, ROWS, PATHS, LABELS, COLUMNS)
    found = collection.read(path)
    assert found.paths == PATHS and found.labels.tolist() == LABELS.tolist()
    np.testing.assert_array_equal(found.embeddings, ROWS)
    _assert_columns(found.columns, COLUMNS)
    # What was read is written as it was.
    collection.write(
        tmp_path / "again.parquet", ROWS, found.paths, found.labels, found.columns
    )
    _assert_columns(collection.read(tmp_path / "again.parquet").columns, COLUMNS)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_labels_of_text_are_a_column(tmp_path, suffix):
    names = np.array(["cat", "dog"] * 5)
    collection.write(tmp_path / f"e{suffix}", ROWS, columns={"label": names})
    found = collection.read(tmp_path / f"e{suffix}")
    assert found.labels is None and found.columns["label"].tolist() == names.tolist()


@pytest.mark.parametrize("labels", [[0.5] * 10, [True] * 10, [None, 1] * 5])
def test_labels_that_are_not_whole_numbers_are_a_column(tmp_path, labels):
    table = pa.table({"embedding": list(ROWS), "label": labels})
    pq.write_table(table, tmp_path / "e.parquet")
    found = collection.read(tmp_path / "e.parquet")
    assert found.labels is None and list(found.columns) == ["label"]


def test_columns_of_other_writers(tmp_path):
    table = pa.table(
        {
            "embedding": list(ROWS),
            "label": pa.array([1, None] * 5),
            "kind": pa.array(["a", "b"] * 5).dictionary_encode(),
            "picture": [b"bytes"] * 10,  # A file in a column is passed over.
            "box": [[1, 2, 3, 4]] * 10,
            "hash": pa.array([b"12345678"] * 10, pa.binary(8)),
        }
    )
    pq.write_table(table, tmp_path / "e.parquet", row_group_size=3)
    found = collection.read(tmp_path / "e.parquet")
    # Not every row has a label, so they are not labels to evaluate with.
    assert found.labels is None
    assert list(found.columns) == ["label", "kind", "hash"]
    assert found.columns["kind"].tolist() == ["a", "b"] * 5
    assert np.isnan(found.columns["label"]).tolist() == [False, True] * 5


def test_a_folder_of_shards_keeps_the_columns_of_the_last(tmp_path):
    for number, split in enumerate(("train", "test")):
        collection.write(
            tmp_path / f"{number}.parquet",
            ROWS[:4] + number,
            PATHS[number : number + 4],
            LABELS[:4],
            {"split": [split] * 4},
        )
    found = collection.read(tmp_path)
    assert found.paths == PATHS[:5]
    assert found.columns["split"].tolist() == ["train"] + ["test"] * 4


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".npy"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_large_is_mapped(tmp_path, suffix, kind, monkeypatch):
    monkeypatch.setattr(room, "_IN_MEMORY", 16)
    path = tmp_path / f"e{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"embedding": list(ROWS.astype(kind))}), path)
    elif suffix == ".npz":
        np.savez(path, embeddings=ROWS.astype(kind))
    else:
        np.save(path, ROWS.astype(kind))
    found = collection.read(path).embeddings
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, ROWS)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_is_mapped_where_it_is_not_compressed(tmp_path, order):
    rows = np.asarray(ROWS, order=order)
    np.savez(tmp_path / "plain.npz", first=np.arange(3), embeddings=rows)
    np.savez_compressed(tmp_path / "small.npz", embeddings=rows)
    plain = collection.read(tmp_path / "plain.npz")
    assert isinstance(plain.embeddings, np.memmap) and not plain.columns
    for name in ("plain", "small"):
        found = collection.read(tmp_path / f"{name}.npz").embeddings
        np.testing.assert_array_equal(found, ROWS)


@pytest.mark.parametrize(
    "name, columns, error, message",
    [
        ("e.npy", {"split": ["a"] * 10}, InputError, "no place for the columns split"),
        ("e.npz", {"boxes": np.array([None, 1] * 5)}, ValueError, "cannot be in a"),
        ("e.npz", {"split": ["a"] * 9}, ValueError, "Received: 9"),
        ("e.npz", {"path": ["a"] * 10}, ValueError, "the name of another"),
        ("e.parquet", {"label": ["a"] * 10}, ValueError, "the name of another"),
    ],
)
def test_columns_that_do_not_fit(tmp_path, name, columns, error, message):
    with pytest.raises(error, match=message):
        collection.write(tmp_path / name, ROWS, PATHS, LABELS, columns)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "embeddings.parquet"
    collection.write(path, ROWS, PATHS, LABELS, {"split": COLUMNS["split"]})
    return path


def test_pandas_opens_it(written):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(written)
    assert list(table.columns) == ["path", "embedding", "label", "split"]
    assert table["path"].tolist() == PATHS and table["split"][1] == "test"
    np.testing.assert_array_equal(np.stack(table["embedding"]), ROWS)
    # And what pandas writes is read.
    table.to_parquet(written.with_name("pandas.parquet"))
    np.testing.assert_array_equal(
        collection.read(written.with_name("pandas.parquet")).embeddings, ROWS
    )


def test_polars_opens_it(written):
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(written)
    assert table.schema["embedding"] == polars.Array(polars.Float32, 3)
    np.testing.assert_array_equal(table["embedding"].to_numpy(), ROWS)
    table.write_parquet(written.with_name("polars.parquet"))
    found = collection.read(written.with_name("polars.parquet"))
    np.testing.assert_array_equal(found.embeddings, ROWS)
    assert found.paths == PATHS and found.labels.tolist() == LABELS.tolist()


def test_duckdb_opens_it(written):
    duckdb = pytest.importorskip("duckdb")
    cosine = "array_cosine_similarity(embedding::FLOAT[3], ?::FLOAT[3])"
    found = duckdb.sql(
        f"SELECT path FROM '{written}' ORDER BY {cosine} DESC LIMIT 3",
        params=[ROWS[4].tolist()],
    ).fetchall()
    indices, _ = collection.Neighbours(ROWS).search(ROWS[4:5], 3)
    assert [path for (path,) in found] == [PATHS[row] for row in indices[0]]


def test_lancedb_takes_it(written, tmp_path):
    lancedb = pytest.importorskip("lancedb")
    table = lancedb.connect(tmp_path / "lance").create_table(
        "embeddings", pq.read_table(written)
    )
    found = table.search(ROWS[4]).distance_type("cosine").limit(3).to_arrow()
    indices, _ = collection.Neighbours(ROWS).search(ROWS[4:5], 3)
    assert found["path"].to_pylist() == [PATHS[row] for row in indices[0]]
