"""`keras-twins embed --server`, as a user types it."""

import collections
import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

import keras_twins as kt

SHARD = 8
_WITHOUT_TENSORFLOW = (
    "import sys; sys.modules['tensorflow'] = None; "
    "from keras_twins.collection import bulk, shards; "
    f"shards.ROWS, bulk.ROWS_AT_A_TIME = {SHARD}, {SHARD // 2}; "
    "from keras_twins.commands import cli; cli.main()"
)


def _command(*arguments):
    return [sys.executable, "-c", _WITHOUT_TENSORFLOW, "embed", *map(str, arguments)]


def _embed(*arguments):
    return subprocess.run(
        _command(*arguments),
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
    *before, line = done.stderr.splitlines()
    assert all(said.startswith(("embed: ", "skipped ")) for said in before)
    return line


def _asked(server):
    """How often each file was sent."""
    return collections.Counter(
        image for request in server.requests for image in request if len(image) < 20
    )


@pytest.mark.parametrize("name", ["e.npz", "e.parquet"])
def test_rest_needs_no_tensorflow(serve, expected, folder, tmp_path, name):
    url, server = serve("http", "ok", 503)
    output = tmp_path / name
    done = _embed(f"--server={url}", folder, f"--output={output}", "--batch_size=3")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == f"10 embeddings of width 4 by {url} are in {output}\n"
    # A plain image; halves of shards in batches of three, one refused at first.
    sizes = collections.Counter(map(len, server.requests[1:]))
    once = collections.Counter([3, 1, 3, 1, 2])
    assert not once - sizes and (sizes - once).total() == 1
    if name == "e.npz":
        with np.load(output) as arrays:
            paths, embeddings = arrays["paths"], arrays["embeddings"]
    else:
        table = pq.read_table(output)
        assert table.column_names == ["path", "embedding"]
        paths = table["path"].to_pylist()
        embeddings = np.array(table["embedding"].to_pylist())
    assert list(paths) == [str(folder / f"{n}.jpg") for n in range(10)]
    images = [f"image {n}".encode() for n in range(10)]
    np.testing.assert_array_equal(embeddings, expected(images))


def test_files_that_are_refused_are_skipped_listed_and_counted(
    serve, expected, folder, tmp_path
):
    (folder / "3.jpg").write_bytes(b"a bad image")
    (folder / "6.jpg").write_bytes(b"another bad image")
    (folder / "7.jpg").unlink()
    (folder / "7.jpg").mkdir()
    (folder / "7.jpg" / "below.webp").write_bytes(b"RIFF\4\0\0\0WEBP")
    (folder / "notes.txt").touch()
    url, _ = serve("http", merges=True, seconds=0.02)
    output = tmp_path / "e.parquet"
    asked = [f"--server={url}", folder, f"--output={output}", "--batch_size=2"]
    done = _embed(*asked)
    assert done.returncode == 0, done.stderr
    # On a busy machine there is progress, too.
    said = [line for line in done.stderr.splitlines() if line.startswith("embed:")]
    assert said == ["embed: 1 other file ignored: .txt 1"]
    assert done.stdout.splitlines() == [
        f"7 embeddings of width 4 by {url} are in {output}",
        f"3 of 10 files are skipped; {tmp_path}/e.skipped.csv lists them:",
        "       2  is not a JPEG, PNG, BMP, GIF or WebP image",
        "       1  cannot be decoded",
    ]
    with open(tmp_path / "e.skipped.csv", newline="") as file:
        header, *listed = csv.reader(file)
    assert header == ["path", "reason"]
    names = ["3.jpg", "6.jpg", "7.jpg/below.webp"]
    assert [path for path, _ in listed] == [str(folder / name) for name in names]
    read = kt.collection.read(output)
    assert read.paths == [str(folder / f"{n}.jpg") for n in (0, 1, 2, 4, 5, 8, 9)]
    images = [f"image {n}".encode() for n in (0, 1, 2, 4, 5, 8, 9)]
    np.testing.assert_array_equal(read.embeddings, expected(images))

    # The first one ends the command where that is asked for.
    assert _refused(_embed(*asked, "--strict")).startswith(
        f"keras-twins: {folder}/3.jpg: is not a JPEG"
    )

    # One that can be read later on gets its place, and the list goes with the last.
    (folder / "7.jpg" / "below.webp").unlink()
    for n in (3, 6):
        (folder / f"{n}.jpg").write_bytes(f"image {n}".encode())
    done = _embed(*asked)
    assert done.returncode == 0, done.stderr
    assert kt.collection.read(output).paths == [
        str(folder / f"{n}.jpg") for n in (0, 1, 2, 3, 4, 5, 6, 8, 9)
    ]
    assert not (tmp_path / "e.skipped.csv").exists()


def test_where_no_file_can_be_read_the_reason_is_said(serve, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a bad image")
    url, _ = serve("http")
    line = _refused(
        _embed(f"--server={url}", tmp_path / "a.jpg", f"--output={tmp_path}/e.npz")
    )
    assert line == (
        "keras-twins: none of 1 files has an embedding (is not a JPEG, PNG, BMP, GIF "
        f"or WebP image); {tmp_path}/e.skipped.csv lists them"
    )
    assert not (tmp_path / "e.npz").exists() and not (tmp_path / "e.shards").exists()


@pytest.mark.parametrize("name", ["embeddings/", "e.npy"])
def test_two_kills_lose_a_shard_at_most(serve, expected, folder, tmp_path, name):
    images = {}
    for n in range(100, 160):
        images[str(folder / f"{n}.jpg")] = f"image {n}".encode()
        (folder / f"{n}.jpg").write_bytes(f"image {n}".encode())
    for n in range(10):
        images[str(folder / f"{n}.jpg")] = f"image {n}".encode()
    url, server = serve("http", seconds=0.02)
    output = f"{tmp_path}/{name}"
    asked = [f"--server={url}", folder, f"--output={output}", "--batch_size=2"]
    for requests in (12, 25):
        process = subprocess.Popen(_command(*asked), stdout=subprocess.PIPE)
        while len(server.requests) < requests:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)  # What was on its way is answered.
    done = _embed(*asked)
    assert done.returncode == 0, done.stderr
    assert " of 70 files were embedded before" in done.stderr
    times = _asked(server)
    assert set(times) == set(images.values())
    assert sum(times.values()) - len(times) <= SHARD
    read = kt.collection.read(output)
    assert read.paths == sorted(images)
    wanted = expected([images[path] for path in read.paths])
    np.testing.assert_array_equal(read.embeddings, wanted)


def test_a_grown_folder_costs_what_is_new(serve, expected, folder, tmp_path):
    url, server = serve("http")
    output = tmp_path / "e.npz"
    asked = [f"--server={url}", folder, f"--output={output}"]
    assert _embed(*asked).returncode == 0
    server.requests.clear()
    (folder / "4.jpg").unlink()
    (folder / "5.jpg").write_bytes(b"image 5 b")
    (folder / "55.jpg").write_bytes(b"image 55")
    done = _embed(*asked)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "embed: 8 of 10 files were embedded before, 1 have changed, 1 are gone and "
        "left out\n"
    )
    assert _asked(server) == {b"image 5 b": 1, b"image 55": 1}
    names = ["0", "1", "2", "3", "5", "55", "6", "7", "8", "9"]
    read = kt.collection.read(output)
    assert read.paths == [str(folder / f"{name}.jpg") for name in names]
    images = [(folder / f"{name}.jpg").read_bytes() for name in names]
    np.testing.assert_array_equal(read.embeddings, expected(images))
    server.requests.clear()
    assert _embed(*asked).returncode == 0
    assert not server.requests


def test_a_server_that_goes_away_stops_and_what_was_done_stays(serve, folder, tmp_path):
    for n in range(10, 30):
        (folder / f"{n}.jpg").write_bytes(f"image {n}".encode())
    url, server = serve("http")
    server.lives = 1 + 6
    output = tmp_path / "e.npz"
    asked = [f"--server={url}", folder, f"--output={output}", "--batch_size=2"]
    assert _refused(_embed(*asked)).startswith(
        f"keras-twins: --server={url} does not answer: "
    )
    assert not output.exists() and not (tmp_path / "e.skipped.csv").exists()
    server.lives = float("inf")
    done = _embed(*asked)
    assert done.returncode == 0, done.stderr
    # Three halves of a shard.
    assert done.stderr == "embed: 12 of 30 files were embedded before\n"
    assert len(kt.collection.read(output).paths) == 30


def test_versions_of_a_model_do_not_mix(serve, folder, tmp_path):
    url, server = serve("http")
    output = tmp_path / "embeddings"
    asked = [f"--server={url}", folder, f"--output={output}/"]
    assert _embed(*asked).returncode == 0
    server.version = 2
    assert _refused(_embed(*asked)) == (
        f"keras-twins: {output} holds embeddings by embedder version 1, and embedder "
        "version 2 is another model: give another output, or delete the folder"
    )
    assert len(kt.collection.read(output).paths) == 10


def test_a_model_that_the_server_has_not_is_named(serve, folder, tmp_path):
    url, _ = serve("http")
    line = _refused(_embed(f"--server={url}", "--model_name=dogs", folder))
    assert line.startswith(f"keras-twins: --server={url} serves no model 'dogs': ")


def test_a_model_that_refuses_all_is_not_the_files_fault(serve, folder):
    url, _ = serve("http", *[400] * 9)
    line = _refused(_embed(f"--server={url}", folder))
    assert line.startswith(f"keras-twins: --server={url} refuses a plain image")


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


def test_without_an_output_the_first_values_are_printed(serve, expected, folder):
    (folder / "5.jpg").write_bytes(b"a bad image")
    url, _ = serve("http")
    done = _embed(f"--server={url}", folder)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert last.startswith("9 embeddings of width 4; --output=")
    numbers = [n for n in range(10) if n != 5]
    rows = expected([f"image {n}".encode() for n in numbers])
    for n, row, line in zip(numbers, rows, lines, strict=True):
        values = " ".join(f"{value:+.4f}" for value in row)
        assert line == f"{folder}/{n}.jpg  {values} ..."
    reason = "is not a JPEG, PNG, BMP, GIF or WebP image"
    assert done.stderr == f"skipped {folder}/5.jpg: {reason}\n"
    assert _refused(_embed(f"--server={url}", folder / "5.jpg")) == (
        "keras-twins: none of 1 files has an embedding"
    )
