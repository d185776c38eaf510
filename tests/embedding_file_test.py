"""The file of embeddings: whole or not there, whatever its size."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from keras_twins import embedding_file
from keras_twins.embedding_file import check_output, save_embeddings
from keras_twins.errors import InputError

NAMES = [f"folder/{n}.png" for n in range(10)]
EMBEDDINGS = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)


def _batches(size=4):
    yield from (EMBEDDINGS[start : start + size] for start in range(0, 10, size))


def _read_npz(path):
    with np.load(path) as arrays:
        return list(arrays["paths"]), arrays["embeddings"]


def _read_parquet(path):
    table = pq.read_table(path)
    return table["path"].to_pylist(), np.array(table["embedding"].to_pylist())


_READ = {"e.npz": _read_npz, "e.parquet": _read_parquet}

both = pytest.mark.parametrize("name", _READ)


@both
def test_the_file_holds_paths_and_embeddings_in_order(tmp_path, name):
    assert save_embeddings(tmp_path / name, NAMES, _batches()) == 3
    names, embeddings = _READ[name](tmp_path / name)
    assert names == NAMES
    np.testing.assert_array_equal(embeddings, EMBEDDINGS)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@both
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_the_old_file(tmp_path, name, error):
    (tmp_path / name).write_text("old")

    def failing():
        yield EMBEDDINGS[:4]
        raise error

    with pytest.raises(error):
        save_embeddings(tmp_path / name, NAMES, failing())
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@both
def test_batches_are_written_as_they_come(tmp_path, name, monkeypatch):
    monkeypatch.setattr(embedding_file, "_PARQUET_ROWS_AT_A_TIME", 4)
    width, sizes = 50_000, []

    def large():
        for _ in range(10):
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            yield np.random.default_rng(0).normal(size=(1, width)).astype(np.float32)

    save_embeddings(tmp_path / name, NAMES, large())
    # Of the nine embeddings that came before, the last few may be held in memory.
    assert sizes[-1] >= 5 * width * 4


def test_parquet_gathers_small_batches_into_one_group_of_rows(tmp_path):
    save_embeddings(tmp_path / "e.parquet", NAMES, _batches(size=1))
    file = pq.ParquetFile(tmp_path / "e.parquet")
    assert file.num_row_groups == 1
    assert str(file.schema_arrow.field("embedding").type).startswith("fixed_size_list")


@pytest.mark.parametrize(
    "name, message", [("e.csv", r"\.npz or \.parquet"), ("no/e.npz", "no folder")]
)
def test_an_output_that_cannot_be_written_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=f"--output=.*{message}"):
        check_output(tmp_path / name)
