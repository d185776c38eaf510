"""The client, the shipped configuration and the dashboard against a real server."""

import json
import pathlib
import re
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from PIL import Image

from keras_twins.serving.client import EmbeddingClient, ImageError, ServerError
from keras_twins.serving.local import ExportedModel

SHIPPED = pathlib.Path(__file__).parents[3] / "serving" / "tensorflow_serving"

both = pytest.mark.parametrize("protocol", ["rest", "grpc"])


@pytest.fixture(scope="module")
def shipped(exported, start_server, tmp_path_factory):
    """A server of the files that TensorFlow Serving gets, but for the models' place."""
    models = tmp_path_factory.mktemp("shipped") / "models.config"
    text = (SHIPPED / "models.config").read_text()
    assert '"/models/embedder"' in text
    models.write_text(text.replace("/models/embedder", f"{exported}/embedder"))
    return start_server(
        f"--model_config_file={models}",
        f"--batching_parameters_file={SHIPPED}/batching.config",
    )


@pytest.fixture
def url(shipped, protocol):
    return shipped.rest if protocol == "rest" else f"grpc://{shipped.grpc}"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Forty images of all kinds that the client takes, of many sizes."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    images = []
    for n in range(40):
        pixels = rng.integers(0, 256, (5 + n, 30 - n // 2, 3), np.uint8)
        image = Image.fromarray(pixels)
        path = folder / f"{n}.{('png', 'jpg', 'webp', 'gif')[n % 4]}"
        image.save(path)
        images.append((path, str(path), path.read_bytes(), pixels, image)[n % 5])
    return images


@pytest.fixture(scope="module")
def expected(exported, images):
    return ExportedModel(exported / "embedder" / "1").embed(images)


@both
def test_embeddings_are_those_of_the_exported_model(url, images, expected):
    with EmbeddingClient(url, batch_size=3) as client:
        embeddings = client.embed(images)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)


@both
def test_the_image_that_the_server_refuses_is_named(url, images, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no more")
    with EmbeddingClient(url) as client:
        with pytest.raises(ImageError, match=f"^{bad}: cannot be decoded: .*JPEG"):
            client.embed([*images[:17], bad, *images[17:]])
        with pytest.raises(ImageError, match=r"^images\[1\]: is not a JPEG, PNG, BMP"):
            client.embed([images[0], b"no picture", b"nor this"])
        with pytest.raises(ImageError, match=r"^images\[0\]: claims 101 x 100 pixels"):
            client.embed([Image.new("L", (101, 100))])


@both
def test_a_model_that_the_server_has_not_is_named(url):
    with EmbeddingClient(url, model="dogs") as client:
        with pytest.raises(ServerError, match="serves no model 'dogs': .+"):
            client.embed([b"x"])


@both
def test_the_command_embeds_files(url, images, expected, tmp_path):
    [folder] = {image.parent for image in images if isinstance(image, pathlib.Path)}
    output = tmp_path / "e.npz"
    done = subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.embed", f"--server={url}", folder]
        + [f"--output={output}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    with np.load(output) as arrays:
        found = dict(zip(arrays["paths"], arrays["embeddings"], strict=True))
    for n, image in enumerate(images):
        if isinstance(image, (str, pathlib.Path)):
            np.testing.assert_allclose(found[str(image)], expected[n], atol=1e-6)


def test_the_dashboard_finds_its_metrics_here_as_well(shipped, images):
    with EmbeddingClient(shipped.rest) as client:
        client.embed(images[:1])
    url = f"{shipped.rest}/monitoring/prometheus/metrics"
    with urllib.request.urlopen(url) as response:
        page = response.read().decode()
    dashboard = json.loads((SHIPPED / "grafana/dashboards/embedder.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    asked = set(re.findall(r":tensorflow:serving[\w:]+", " ".join(queries)))
    given = set(re.findall(r"^([\w:]+)[{ ]", page, re.MULTILINE))
    assert asked <= given
