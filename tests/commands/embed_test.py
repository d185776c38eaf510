"""`keras-twins embed --model_dir`, as a user types it, and the model in its process."""

import csv
import shutil
import subprocess
import sys

import exported
import numpy as np
import pytest
import tensorflow as tf
from exported import WIDTH
from PIL import Image

import keras_twins as kt
from keras_twins.errors import InputError
from keras_twins.serving import local
from keras_twins.serving.client_images import encode
from keras_twins.serving.local import ExportedModel

_WITHOUT_TENSORFLOW = (
    "import sys; sys.modules['tensorflow'] = None; "
    "from keras_twins.commands import cli; cli.main('embed')"
)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return exported.save(tmp_path_factory.mktemp("embed"))


@pytest.fixture(scope="module")
def embedder(model_dir):
    return ExportedModel(model_dir / "3", batch_size=2)


@pytest.fixture
def folder(tmp_path):
    """Five pictures in two levels, and what is none."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = ["b.png", "a.JPG", "below/d.bmp", "below/c.gif", "below/e.webp"]
    for n, name in enumerate(names):
        pixels = rng.integers(0, 256, (9 + n, 14, 3), np.uint8)
        options = {"lossless": True} if name.endswith("webp") else {}
        Image.fromarray(pixels).save(folder / name, **options)
    (folder / "notes.txt").write_text("no picture")
    return folder


def _run(*arguments, code=None):
    command = ["-m", "keras_twins.commands.embed"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_embeds_what_can_be_read_and_goes_on(
    model_dir, folder, embedder, tmp_path
):
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (folder / "big.png").write_bytes(b"")
    Image.new("L", (101, 100)).save(folder / "big.png")
    output = tmp_path / "embeddings.npz"
    asked = [f"--model_dir={model_dir}", folder, f"--output={output}"]
    done = _run(*asked)
    assert done.returncode == 0, done.stderr
    # Below it stand lines that libjpeg prints about the file that is cut off.
    assert done.stderr.startswith("embed: 1 other file ignored: .txt 1\n")
    made, skipped, *reasons = done.stdout.splitlines()
    assert made == (f"5 embeddings of width {WIDTH} by {model_dir}/3 are in {output}")
    assert skipped.startswith("2 of 7 files are skipped; ")
    assert {reason.split(maxsplit=1)[0] for reason in reasons} == {"1"}
    with open(tmp_path / "embeddings.skipped.csv", newline="") as file:
        (_, *listed) = csv.reader(file)
    assert [path for path, _ in listed] == [f"{folder}/bad.jpg", f"{folder}/big.png"]
    assert "claims 101 x 100 pixels" in listed[1][1]

    names = ["a.JPG", "b.png", "below/c.gif", "below/d.bmp", "below/e.webp"]
    saved = np.load(output)
    assert list(saved["paths"]) == [str(folder / name) for name in names]
    alone = np.concatenate([embedder.embed([path]) for path in saved["paths"]])
    np.testing.assert_allclose(saved["embeddings"], alone, atol=1e-6)
    norms = np.linalg.norm(saved["embeddings"], axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("pictures", "embeddings.npz", "embeddings.shards", "embeddings.skipped.csv")
    }

    # What has an embedding needs no model, and so no TensorFlow.
    for name in ("bad.jpg", "big.png", "below/d.bmp"):
        (folder / name).unlink()
    done = _run(*asked, code=_WITHOUT_TENSORFLOW)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 files were embedded before, 1 are gone and left out" in done.stderr
    assert kt.collection.read(output).paths == [
        str(folder / name) for name in names if not name.endswith("bmp")
    ]


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--model_dir=none"], "none' does not exist"),
        (["--model_dir=none", "--output=e.csv"], "--output=e.csv: expected a name end"),
        (["--model_dir=none", "--output=no/e.npz"], "--output=no/e.npz: there is no"),
        (["--model_dir=none", "--output=no/e/"], "--output=no/e/: expected a folder"),
    ],
)
def test_the_command_refuses_in_one_line(folder, flags, words):
    done = _run(*flags, folder)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert words in line


def test_another_model_is_refused_before_tensorflow_starts(model_dir, folder, tmp_path):
    rest = [folder / "b.png", f"--output={tmp_path}/embeddings/"]
    assert _run(f"--model_dir={model_dir}", *rest).returncode == 0
    other = tmp_path / "other" / "1"
    other.mkdir(parents=True)
    (other / "saved_model.pb").write_bytes(b"another graph")
    done = _run(f"--model_dir={other.parent}", *rest, code=_WITHOUT_TENSORFLOW)
    assert done.returncode == 1
    assert done.stderr == (
        f"keras-twins: {tmp_path}/embeddings holds embeddings by {model_dir}/3, and "
        f"{other} is another model: give another output, or delete the folder\n"
    )
    assert len(kt.collection.read(tmp_path / "embeddings").paths) == 1


def test_a_model_is_known_by_its_graph_and_its_weights(model_dir, tmp_path):
    copy = tmp_path / "copied" / "1"
    shutil.copytree(model_dir / "3", copy)
    key = local.describe(model_dir / "3").key
    assert local.describe(copy) == (str(copy), key)
    for name in ("variables/variables.index", "saved_model.pb"):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(before + b"changed")
        assert local.describe(copy).key != key
        (copy / name).write_bytes(before)
    assert local.describe(copy).key == key


def test_webp_is_embedded_like_the_png_of_its_pixels(embedder, folder, tmp_path):
    image = Image.open(folder / "below/e.webp")
    image.save(tmp_path / "e.png")
    first, second = embedder.embed([folder / "below/e.webp", tmp_path / "e.png"])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "contents, reason",
    [
        (b"", "is an empty file"),
        (b"\xff\xd8\xff\xe0 cut off", "cannot be decoded: Invalid JPEG"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 cut off", "cannot be decoded"),
    ],
)
def test_the_file_that_is_no_picture_is_named_and_costs_no_other(
    embedder, folder, tmp_path, contents, reason
):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(contents)
    files = [folder / "b.png", bad, folder / "a.JPG", folder / "below/c.gif"]
    with pytest.raises(InputError) as caught:
        embedder.embed(files)
    assert str(caught.value).startswith(f"{bad}: ")
    assert reason in str(caught.value)
    first, second = embedder.outcomes(files)
    assert [error.index for error in first.errors] == [1] and not second.errors
    np.testing.assert_allclose(first.rows, embedder.embed(files[:1]), atol=1e-6)
    np.testing.assert_allclose(second.rows, embedder.embed(files[2:]), atol=1e-6)


def test_the_embedder_gives_what_the_function_gives(embedder, model_dir, folder):
    files = [folder / name for name in ("b.png", "a.JPG", "below/d.bmp")]
    function = tf.saved_model.load(str(model_dir / "3")).signatures["serving_default"]
    encoded = tf.constant([encode(n, file) for n, file in enumerate(files)])
    wanted = function(image_bytes=encoded)["embedding"]
    np.testing.assert_allclose(embedder.embed(files), wanted, atol=1e-6)


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(InputError, match="does not load as a model"):
        ExportedModel(tmp_path / "1")
    module = tf.Module()
    module.double = tf.function(
        lambda x: 2 * x, input_signature=[tf.TensorSpec((None,), tf.float32)]
    )
    signatures = {"serving_default": module.double}
    tf.saved_model.save(module, str(tmp_path / "2"), signatures=signatures)
    with pytest.raises(
        InputError, match="no signature 'serving_default' with an input 'image_bytes'"
    ):
        ExportedModel(tmp_path / "2")
