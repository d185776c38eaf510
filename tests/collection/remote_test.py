"""Files on an object store: embedded as those of a folder are, by a local S3."""

import os
import socket
import subprocess
import sys

import exported
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from planted import picture, save

from keras_twins import collection
from keras_twins.serving.local import ExportedModel

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
_NAMES = ("b.png", "a b+ü.png", "below/c.png", "below/d.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, a folder of four pictures and a torn one, and their embeddings."""
    place = tmp_path_factory.mktemp("remote")
    exported.save(place)
    (place / "photos" / "below").mkdir(parents=True)
    save(place / "photos", {name: picture(n) for n, name in enumerate(_NAMES)})
    (place / "photos" / "below" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (place / "photos" / "notes.txt").write_text("not a picture")
    return place


@pytest.fixture(scope="module")
def store(place):
    """The environment in which the same files are at s3://pictures/photos."""
    import boto3  # moto has it.

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        **_CREDENTIALS,
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    client.create_bucket(Bucket="pictures")
    for path in sorted((place / "photos").rglob("*.*")):
        name = path.relative_to(place).as_posix()
        client.upload_file(str(path), "pictures", name)
    yield environment
    server.stop()


def embed(place, environment, *paths, output, **flags):
    """`keras-twins embed` in an environment without other credentials."""
    kept = {name: value for name, value in os.environ.items() if "AWS" not in name}
    kept |= {"HOME": str(place), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [
            *(sys.executable, "-m", "keras_twins.commands.embed", *paths),
            *(f"--model_dir={place}/embedder", f"--output={place / output}/"),
            *(f"--{name}={value}" for name, value in flags.items()),
        ],
        env=kept | environment,
        capture_output=True,
        text=True,
    )


def test_a_bucket_is_embedded_as_a_folder_is(place, store):
    """A list of URLs first; the folder then costs what the list has not."""
    urls = [f"s3://pictures/photos/{name}" for name in sorted(_NAMES)]
    (place / "list.txt").write_text("\n".join(urls[2:0:-1]), "utf-8")
    done = embed(place, store, output="e", files_from=place / "list.txt")
    assert done.returncode == 0, done.stderr
    assert collection.read(place / "e").paths == urls[2:0:-1]

    done = embed(place, store, "s3://pictures/photos", output="e")
    assert done.returncode == 0, done.stderr
    assert "4 embeddings of width" in done.stdout
    assert "1 of 5 files are skipped" in done.stdout
    assert "2 of 5 files were embedded before" in done.stderr
    assert "1 other file ignored: .txt 1" in done.stderr
    skipped = (place / "e.skipped.csv").read_text("utf-8")
    assert "s3://pictures/photos/below/torn.jpg" in skipped
    found = collection.read(place / "e")
    assert found.paths == urls
    model = ExportedModel(place / "embedder" / "3")
    rows = model.embed([place / "photos" / name for name in sorted(_NAMES)])
    np.testing.assert_allclose(found.embeddings, rows, atol=1e-6)


def _nobody():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.parametrize(
    ("url", "changed", "words"),
    [
        ("s3://nowhere/photos", {}, "s3://nowhere/photos"),
        ("s3://pictures/none", {}, "s3://pictures/none"),
        ("s3://pictures/photos", dict.fromkeys(_CREDENTIALS), "credentials"),
        ("s3://pictures/photos", {"AWS_ENDPOINT_URL": _nobody()}, "127.0.0.1"),
    ],
    ids=["bucket", "folder", "credentials", "endpoint"],
)
def test_a_mistake_is_one_line(place, store, url, changed, words):
    environment = {name: value for name, value in (store | changed).items() if value}
    done = embed(place, environment, url, output="refused")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]  # How far it is may stand above.
    assert last.startswith("keras-twins: ") and words in last
    assert not (place / "refused").exists()
