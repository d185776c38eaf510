"""`keras-twins embed --server`, as a user types it."""

import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

_WITHOUT_TENSORFLOW = (
    "import sys; sys.modules['tensorflow'] = None; "
    "from keras_twins.commands import cli; cli.main()"
)


def _embed(*arguments):
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_TENSORFLOW, "embed", *map(str, arguments)],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(10):
        (folder / f"{n}.jpg").write_bytes(f"image {n}".encode())
    return folder


def _refused(done):
    assert done.returncode == 1
    # The bar is of no interest here.
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["e.npz", "e.parquet"])
def test_rest_needs_no_tensorflow(serve, expected, folder, tmp_path, name):
    url, server = serve("http", 503)
    output = tmp_path / name
    done = _embed(f"--server={url}", folder, f"--output={output}", "--batch_size=3")
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stderr and "10/10" in done.stderr
    assert all(part.startswith("embed: ") for part in done.stderr.splitlines() if part)
    assert done.stdout == f"10 embeddings of width 4 by {url} are in {output}\n"
    # One of them, refused at first, twice.
    sizes = sorted(map(len, server.requests))
    assert sizes in ([1, 3, 3, 3, 3], [1, 1, 3, 3, 3])
    if name == "e.npz":
        with np.load(output) as arrays:
            paths, embeddings = arrays["paths"], arrays["embeddings"]
    else:
        table = pq.read_table(output)
        paths = table["path"].to_pylist()
        embeddings = np.array(table["embedding"].to_pylist())
    assert list(paths) == [str(folder / f"{n}.jpg") for n in range(10)]
    images = [f"image {n}".encode() for n in range(10)]
    np.testing.assert_array_equal(embeddings, expected(images))


def test_the_file_that_is_refused_is_named_and_nothing_is_written(
    serve, folder, tmp_path
):
    (folder / "6.jpg").write_bytes(b"a bad image")
    url, _ = serve("http")
    output = tmp_path / "e.parquet"
    done = _embed(f"--server={url}", folder, f"--output={output}")
    assert (
        _refused(done)
        == f"keras-twins: {folder}/6.jpg: is not a JPEG, PNG, BMP, GIF or WebP image"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_model_that_the_server_has_not_is_named(serve, folder):
    url, _ = serve("http")
    line = _refused(_embed(f"--server={url}", "--model_name=dogs", folder))
    assert line.startswith(f"keras-twins: --server={url} serves no model 'dogs': ")


def test_nobody_there_is_one_line(folder, free_addresses):
    [address] = free_addresses(1)
    line = _refused(_embed(f"--server=http://{address}", folder))
    assert line.startswith(f"keras-twins: --server=http://{address} does not answer: ")


@pytest.mark.parametrize(
    "flags", [[], ["--server=http://localhost:1", "--model_dir=models/embedder"]]
)
def test_one_of_the_two_sources_is_asked_for(folder, flags):
    done = _embed(*flags, folder)
    assert _refused(done).startswith("keras-twins: expected one of --model_dir")


def test_a_url_that_is_none_is_one_line(folder):
    line = _refused(_embed("--server=localhost:8501", folder))
    assert line.startswith("keras-twins: localhost:8501: expected http://")
