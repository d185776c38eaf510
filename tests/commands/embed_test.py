import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.commands.embed import embed_files, find_images, load
from keras_twins.errors import InputError
from keras_twins.export.saved_model import image_graph

SIZE, WIDTH = 8, 4


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(WIDTH)(keras.layers.Flatten()(x)))
    model_dir = tmp_path_factory.mktemp("embed") / "embedder"
    image_graph(encoder, SIZE, None, True, 10_000).save(model_dir / "3")
    return model_dir


@pytest.fixture(scope="module")
def embed(model_dir):
    return load(model_dir / "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five pictures in two levels, and what is none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "below").mkdir()
    rng = np.random.default_rng(0)
    names = ["b.png", "a.JPG", "below/d.bmp", "below/c.gif", "below/e.webp"]
    for n, name in enumerate(names):
        pixels = rng.integers(0, 256, (9 + n, 14, 3), np.uint8)
        options = {"lossless": True} if name.endswith("webp") else {}
        Image.fromarray(pixels).save(folder / name, **options)
    (folder / "notes.txt").write_text("no picture")
    return folder


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.embed", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_saves_every_picture_of_a_folder(
    model_dir, folder, embed, tmp_path
):
    output = tmp_path / "embeddings.npz"
    done = _run(f"--model_dir={model_dir}", folder, f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert f"5 embeddings of width {WIDTH}" in done.stdout
    assert "100%" in done.stderr
    saved = np.load(output)
    assert [path.rsplit("/", 1)[1] for path in saved["paths"]] == [
        "a.JPG",
        "b.png",
        "c.gif",
        "d.bmp",
        "e.webp",
    ]
    files = [folder.parent / path for path in saved["paths"]]
    np.testing.assert_allclose(
        saved["embeddings"], np.concatenate([*embed_files(embed, files, 2)]), atol=1e-6
    )
    norms = np.linalg.norm(saved["embeddings"], axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings.npz"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--model_dir=none"], "none' does not exist"),
        (["--model_dir=none", "--output=e.csv"], "--output=e.csv: expected a name end"),
        (["--model_dir=none", "--output=no/e.npz"], "--output=no/e.npz: there is no"),
    ],
)
def test_the_command_refuses_in_one_line(folder, flags, words):
    done = _run(*flags, folder)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert words in line


def test_webp_is_embedded_like_the_png_of_its_pixels(embed, folder, tmp_path):
    image = Image.open(folder / "below/e.webp")
    image.save(tmp_path / "e.png")
    files = [folder / "below/e.webp", tmp_path / "e.png"]
    [(first, second)] = embed_files(embed, files, 2)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "contents, reason",
    [
        (b"", "is not a JPEG, PNG, BMP, GIF or WebP image"),
        (
            b"\xff\xd8\xff\xe0 cut off",
            "cannot be decoded: Invalid JPEG",
        ),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 cut off", "cannot be decoded"),
    ],
)
def test_the_file_that_is_no_picture_is_named(
    embed, folder, tmp_path, contents, reason
):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(contents)
    files = [folder / "b.png", bad, folder / "a.JPG"]
    with pytest.raises(InputError) as caught:
        list(embed_files(embed, files, 3))
    assert str(caught.value).startswith(f"{bad}: ")
    assert reason in str(caught.value)


def test_a_picture_with_too_many_pixels_is_named(embed, tmp_path):
    Image.new("L", (101, 100)).save(tmp_path / "big.png")
    with pytest.raises(InputError, match="big.png: claims 101 x 100 pixels"):
        list(embed_files(embed, [tmp_path / "big.png"], 1))


def test_paths_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="no image was named"):
        find_images([])
    with pytest.raises(InputError, match="no image in"):
        find_images([str(tmp_path)])
    with pytest.raises(InputError, match="gone' does not exist"):
        find_images([str(tmp_path / "gone")])


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(InputError, match="does not load as a model"):
        load(tmp_path / "1")
    module = tf.Module()
    module.double = tf.function(
        lambda x: 2 * x, input_signature=[tf.TensorSpec((None,), tf.float32)]
    )
    signatures = {"serving_default": module.double}
    tf.saved_model.save(module, str(tmp_path / "2"), signatures=signatures)
    with pytest.raises(
        InputError, match="no signature 'serving_default' with an input 'image_bytes'"
    ):
        load(tmp_path / "2")
