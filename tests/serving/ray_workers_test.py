"""`keras-twins embed --ray`, on clusters of this machine."""

import re
import subprocess
import sys

import exported
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from keras_twins.collection import bulk, images
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.serving import local, ray_workers

ray = pytest.importorskip("ray")
Cluster = pytest.importorskip("ray.cluster_utils").Cluster


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return exported.save(tmp_path_factory.mktemp("embed"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hundred pictures, one torn, and a file that is not one."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for n in range(100):
        pixels = rng.integers(0, 256, (9, 14, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:03}.png")
    torn = folder / "042.png"
    torn.write_bytes(torn.read_bytes()[:60])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def write(model_dir, folder, tmp_path):
    """A function that embeds the pictures into a folder, and reads it."""
    version = newest_version(model_dir)
    model = local.describe(version)

    def write_them(name, open_embed):
        output = bulk.Output(None, tmp_path / name, tmp_path / f"{name}.skipped.csv")
        found = images.Search([str(folder)])
        bulk.write(output, found, found.left_out, model, lambda: open_embed(version))
        return pq.read_table(output.folder), output.skipped.read_text()

    return write_them


@pytest.fixture
def plain(write):
    return write("plain", lambda version: bulk.by(local.ExportedModel(version, 8)))


def on_ray(address):
    def open_embed(version):
        model = local.describe(version)
        return ray_workers.open_workers(address, version, model, batch_size=8)

    return open_embed


def assert_same(given, expected):
    (table, skipped), (other, other_skipped) = given, expected
    assert table.drop(["embedding"]).equals(other.drop(["embedding"]))
    rows = [np.stack(t["embedding"].to_numpy()) for t in (table, other)]
    np.testing.assert_allclose(*rows, rtol=1e-5, atol=1e-5)
    assert skipped == other_skipped


@pytest.fixture
def two_machines():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster, nodes
    cluster.shutdown()


def test_a_machine_that_dies_loses_nothing(two_machines, write, plain, monkeypatch):
    cluster, nodes = two_machines
    monkeypatch.setattr(bulk, "ROWS_AT_A_TIME", 4)
    answers = ray_workers._Pool._answers

    def die_at_the_third(pool):
        for part in answers(pool):
            seen.append(part)
            if len(seen) == 3:
                cluster.remove_node(nodes[0], allow_graceful=False)
            yield part

    seen = []
    monkeypatch.setattr(ray_workers._Pool, "_answers", die_at_the_third)
    assert_same(write("cluster", on_ray(cluster.address)), plain)
    assert len(seen) == 25


def test_the_command_as_a_user_types_it(model_dir, folder, tmp_path, plain):
    output = tmp_path / "embeddings"
    command = [sys.executable, "-m", "keras_twins.commands.embed", "--ray=local"]
    command += [f"--model_dir={model_dir}", f"--output={output}/", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second, *_ = ran.stdout.splitlines()
    assert first.startswith("99 embeddings of width 4 by")
    assert re.fullmatch(r"99 files in .* s: .*/s on 1 node, .*/s per node", second)
    skipped = output.with_name("embeddings.skipped.csv").read_text()
    assert_same((pq.read_table(output), skipped), plain)


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:1"])
def test_no_cluster_is_one_line(address, write):
    with pytest.raises(InputError, match=rf"^--ray={address}: [^\n]+$"):
        write("nothing", on_ray(address))
