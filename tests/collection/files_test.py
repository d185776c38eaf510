"""Files of embeddings: what is written is read again, whole or not at all."""

import pathlib
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_twins import collection
from keras_twins.collection import files, parquet
from keras_twins.errors import InputError

OLD = pathlib.Path(__file__).parent / "version_0_1"
EMBEDDINGS = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
PATHS = [f"folder/é {n}.png" for n in range(10)]
LABELS = np.arange(10) % 4 - 1

each_format = pytest.mark.parametrize("suffix", [".npz", ".parquet", ".npy"])


def _batches(size=4):
    yield from (EMBEDDINGS[start : start + size] for start in range(0, 10, size))


def _assert_read(path, embeddings, paths, labels):
    found = collection.read(path)
    np.testing.assert_array_equal(found.embeddings, embeddings)
    assert found.embeddings.dtype == np.float32
    assert found.paths == paths
    if labels is None:
        assert found.labels is None
    else:
        np.testing.assert_array_equal(found.labels, labels)
        assert found.labels.dtype == np.int64


@each_format
@pytest.mark.parametrize("paths", [PATHS, None], ids=["paths", "no_paths"])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "no_labels"])
@pytest.mark.parametrize("batches", [lambda: EMBEDDINGS, _batches, lambda: _batches(1)])
def test_what_is_written_is_read_again(
    tmp_path, suffix, paths, labels, batches, monkeypatch
):
    # So that some groups of rows and pieces of arrays are full, and the last is not.
    monkeypatch.setattr(parquet, "_ROWS_IN_A_GROUP", 4)
    monkeypatch.setattr(files, "_ROWS_AT_A_TIME", 4)
    path = tmp_path / f"e{suffix}"
    assert collection.write(path, batches(), paths, labels) == (10, 3)
    _assert_read(path, EMBEDDINGS, paths, labels)


@pytest.mark.parametrize("name", ["paths.npz", "paths.parquet"])
def test_reads_paths_that_version_0_1_wrote(name):
    paths = [f"folder/é {n}.png" for n in range(5)]
    _assert_read(OLD / name, np.arange(15).reshape(5, 3) / 8, paths, None)


@pytest.mark.parametrize("name", ["labels.npy", "labels.parquet"])
def test_reads_labels_that_version_0_1_wrote(name):
    _assert_read(OLD / name, np.arange(15).reshape(5, 3) / 8, None, [3, 1, 2, 0, 1])


def test_numpy_and_pyarrow_read_the_files(tmp_path):
    for suffix in (".npz", ".parquet", ".npy"):
        collection.write(tmp_path / f"e{suffix}", EMBEDDINGS, PATHS, LABELS)
    arrays = np.load(tmp_path / "e.npz")
    assert list(arrays["paths"]) == PATHS
    np.testing.assert_array_equal(arrays["embeddings"], EMBEDDINGS)
    np.testing.assert_array_equal(arrays["labels"], LABELS)
    np.testing.assert_array_equal(np.load(tmp_path / "e.npy"), EMBEDDINGS)
    np.testing.assert_array_equal(np.load(tmp_path / "e.labels.npy"), LABELS)
    assert list(np.load(tmp_path / "e.paths.npy")) == PATHS
    table = pq.read_table(tmp_path / "e.parquet")
    assert table.column_names == ["path", "embedding", "label"]
    assert table["path"].to_pylist() == PATHS
    np.testing.assert_array_equal(np.stack(table["embedding"].to_numpy()), EMBEDDINGS)
    assert table["label"].to_pylist() == LABELS.tolist()


def test_a_npy_file_is_mapped(tmp_path):
    collection.write(tmp_path / "e.npy", EMBEDDINGS)
    assert isinstance(collection.read(tmp_path / "e.npy").embeddings, np.memmap)


def test_a_new_npy_file_does_not_take_the_old_labels(tmp_path):
    collection.write(tmp_path / "e.npy", EMBEDDINGS, PATHS, LABELS)
    collection.write(tmp_path / "e.npy", -EMBEDDINGS)
    _assert_read(tmp_path / "e.npy", -EMBEDDINGS, None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["e.npy"]


@each_format
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_the_old_file_and_no_other(
    tmp_path, suffix, error, monkeypatch
):
    monkeypatch.setattr(parquet, "_ROWS_IN_A_GROUP", 4)
    path = tmp_path / f"e{suffix}"
    path.write_text("old")

    def failing():
        yield EMBEDDINGS[:4]
        yield EMBEDDINGS[4:]
        raise error

    with pytest.raises(error):
        collection.write(path, failing(), labels=LABELS)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@each_format
def test_few_batches_are_in_memory_at_a_time(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(parquet, "_ROWS_IN_A_GROUP", 4)
    one = np.ones((1, 250_000), np.float32)  # 1 MB
    tracemalloc.start()
    try:
        collection.write(tmp_path / f"e{suffix}", (n * one for n in range(40)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12e6


def test_parquet_gathers_small_batches_into_one_group_of_rows(tmp_path):
    collection.write(tmp_path / "e.parquet", _batches(size=1), PATHS)
    file = pq.ParquetFile(tmp_path / "e.parquet")
    assert file.num_row_groups == 1
    assert str(file.schema_arrow.field("embedding").type).startswith("fixed_size_list")


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.float16()])
@pytest.mark.parametrize("width", [-1, 3], ids=["lists", "fixed_size_lists"])
def test_parquet_files_of_others_are_read(tmp_path, kind, width):
    values = EMBEDDINGS.astype(kind.to_pandas_dtype())
    # A slice, whose values begin elsewhere than the array's.
    column = pa.array(list(values), pa.list_(kind, width))[2:]
    pq.write_table(
        pa.table({"embedding": column, "other": LABELS[2:]}),
        tmp_path / "e.parquet",
        row_group_size=3,
    )
    _assert_read(tmp_path / "e.parquet", values[2:].astype(np.float32), None, None)


@each_format
def test_other_numbers_become_float32(tmp_path, suffix):
    collection.write(tmp_path / f"e{suffix}", np.arange(6).reshape(3, 2))
    _assert_read(tmp_path / f"e{suffix}", np.arange(6).reshape(3, 2), None, None)


def test_file_names_that_are_not_utf_8(tmp_path):
    paths = [*PATHS[:9], "\udcff.png"]
    for suffix in (".npz", ".npy"):
        collection.write(tmp_path / f"e{suffix}", EMBEDDINGS, paths)
        assert collection.read(tmp_path / f"e{suffix}").paths == paths
    with pytest.raises(InputError, match=r"e\.parquet: the path .*not UTF-8"):
        collection.write(tmp_path / "e.parquet", EMBEDDINGS, paths)
    assert not (tmp_path / "e.parquet").exists()


def _without(path):
    pass


def _text(path):
    path.write_text("not embeddings")


def _cut_off(path):
    collection.write(path, EMBEDDINGS, PATHS)
    path.write_bytes(path.read_bytes()[:150])


@each_format
@pytest.mark.parametrize(
    "damage, message",
    [
        (_without, "does not exist"),
        (_text, "does not hold embeddings"),
        (_cut_off, "does not hold embeddings"),
        (lambda path: path.write_bytes(b""), "does not hold embeddings"),
    ],
)
def test_a_file_without_embeddings_is_named_in_one_line(
    tmp_path, suffix, damage, message
):
    path = tmp_path / f"e{suffix}"
    damage(path)
    with pytest.raises(InputError, match=message) as caught:
        collection.read(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


def _save(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".npy":
        np.save(path, arrays.pop("embeddings"))
        for name, array in arrays.items():
            np.save(path.with_suffix(f".{name}.npy"), array)
    else:
        columns = {name.rstrip("s"): list(array) for name, array in arrays.items()}
        pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    "name, arrays, message",
    [
        ("e.npz", {"features": EMBEDDINGS}, "array 'embeddings'; it has features"),
        ("e.parquet", {"features": EMBEDDINGS}, "column 'embedding'; it has feature"),
        ("e.npz", {"embeddings": EMBEDDINGS, "paths": PATHS[1:]}, "10.*Received: 9"),
        ("e.npy", {"embeddings": EMBEDDINGS, "labels": LABELS[1:]}, "10.*Received: 9"),
        ("e.npz", {"embeddings": EMBEDDINGS[0]}, r"shape=\(3,\)"),
        ("e.npy", {"embeddings": EMBEDDINGS[:0]}, r"shape=\(0, 3\)"),
        ("e.npy", {"embeddings": np.array([["a"]])}, "dtype=<U1"),
        ("e.npz", {"embeddings": EMBEDDINGS, "labels": LABELS / 2}, "float64"),
        ("e.parquet", {"embeddings": EMBEDDINGS[:, 0]}, "'embedding'|list"),
        ("e.parquet", {"embeddings": [[1.0], [2.0, 3.0]]}, "differing widths"),
        ("e.parquet", {"embeddings": [[1.0, 2.0], None]}, "gaps"),
        ("e.parquet", {"embeddings": [[1.0, 2.0], [1.0, None]]}, "gaps"),
        ("e.parquet", {"embeddings": []}, r"shape=\(0, 0\)"),
    ],
)
def test_other_content_is_refused(tmp_path, name, arrays, message):
    _save(tmp_path / name, **arrays)
    with pytest.raises(InputError, match=f"{name} does not hold embeddings.*{message}"):
        collection.read(tmp_path / name)


def test_other_suffixes_and_folders_are_refused(tmp_path):
    expected = r"e\.csv: expected a name ending in \.parquet, \.npz or \.npy"
    with pytest.raises(InputError, match=expected):
        collection.read(tmp_path / "e.csv")
    with pytest.raises(InputError, match=expected):
        collection.write(tmp_path / "e.csv", EMBEDDINGS)
    with pytest.raises(InputError, match=r"no/e\.npz: there is no folder"):
        collection.write(tmp_path / "no" / "e.npz", EMBEDDINGS)


@each_format
@pytest.mark.parametrize(
    "embeddings, paths, labels, message",
    [
        ([], None, None, "there are no embeddings to write"),
        (EMBEDDINGS[:0], None, None, r"shape=\(0, 3\)"),
        (EMBEDDINGS[0], None, None, r"shape=\(3,\)"),
        (EMBEDDINGS, PATHS[:9], None, "Received: 9"),
        (EMBEDDINGS[:9], PATHS, None, "Received: 10"),
        (EMBEDDINGS[:9], None, LABELS, "Received: 10"),
        (EMBEDDINGS, None, LABELS / 2, "float64"),
        ([EMBEDDINGS, EMBEDDINGS[:, :2]], None, None, "do not fit together"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path, suffix, embeddings, paths, labels, message
):
    with pytest.raises(ValueError, match=message):
        collection.write(tmp_path / f"e{suffix}", embeddings, paths, labels)
    assert not list(tmp_path.iterdir())


def test_batches_with_and_without_labels_do_not_mix(tmp_path):
    with pytest.raises(ValueError, match="do not fit together"):
        with files.writer(tmp_path / "e.npz") as file:
            file.append(EMBEDDINGS, labels=LABELS)
            file.append(EMBEDDINGS)
