"""Files that TensorFlow does not read are read as Pillow reads them."""

import functools
import io
import os
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import data
from keras_twins.data import converted
from keras_twins.data.loading import open_source
from keras_twins.decode import modality
from keras_twins.errors import InputError

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv(converted.FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture
def root(tmp_path):
    """A PNG, and three files that become one."""
    folder = tmp_path / "images"
    folder.mkdir()
    image = Image.fromarray(RGB)
    image.save(folder / "a.png")
    image.save(folder / "b.tif", compression="tiff_lzw")
    image.save(folder / "c.ppm")
    image.save(folder / "d.jpg", "TIFF")  # Whatever it is called.
    return folder


def made(cache):
    return sorted(cache.rglob("*.png"))


def pixels(root):
    return [image.numpy() for image in data.load(f"folder:{root}")]


def test_pixels_are_pillows_and_names_are_the_users(root, cache, capsys):
    for image in pixels(root):
        np.testing.assert_array_equal(image, RGB)
    assert len(made(cache)) == 3
    out = capsys.readouterr().out
    for said in ("3 files that TensorFlow does not read", "3 of them converted now"):
        assert said in out
    assert f"the cache {cache} has 3 files" in out
    assert "of at most 50.0 GB, and is safe to delete" in out
    source = open_source(f"folder:{root}", "train")
    assert [os.path.basename(p) for p in source.paths] == [
        *("a.png", "b.tif", "c.ppm", "d.jpg")
    ]
    assert source.image_shape == (6, 5, 3)
    # The next ones find what is there.
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in made(cache)}
    assert len(pixels(root)) == 4
    assert {path: path.stat().st_mtime_ns for path in made(cache)} == before
    assert "converted now" not in capsys.readouterr().out


def test_the_pipelines_read_what_was_converted(root, cache):
    views = data.two_view_pipeline(
        data.load(f"folder:{root}"), _Halves(), 4, cache=False
    )
    ((first, _),) = views
    assert first.shape == (4, 6, 5, 3)
    for image in first.numpy():
        np.testing.assert_array_equal(image, RGB)


class _Halves(tf.Module):
    """Views that are the images themselves."""

    spec = {"image_size": 100}

    def __call__(self, images, keys):
        images = tf.cast(images, tf.float32)
        return images, images


def test_a_file_that_changes_is_converted_anew(root, cache):
    pixels(root)
    Image.fromarray(255 - RGB).save(root / "b.tif")
    np.testing.assert_array_equal(pixels(root)[1], 255 - RGB)
    assert len(made(cache)) == 4


def test_a_cache_that_is_deleted_is_made_again(root, cache):
    pixels(root)
    shutil.rmtree(cache)
    assert len(pixels(root)) == 4 and len(made(cache)) == 3


def test_a_cache_that_is_deleted_while_it_is_read_is_one_line(root, cache):
    images = data.load(f"folder:{root}")
    list(images)
    shutil.rmtree(cache)
    with pytest.raises(InputError, match="converted images.*was deleted.*again"):
        list(images)


def test_a_cache_that_is_full_is_one_line_and_keeps_what_it_has(
    root, cache, monkeypatch
):
    one = len(_png(RGB))
    monkeypatch.setenv(converted.LIMIT_VARIABLE, str(1.5 * one / 1e9))
    with pytest.raises(InputError, match="limit of 0.2 kB.*TWINS_CACHE_GB") as error:
        pixels(root)
    assert str(cache) in str(error.value) and "\n" not in str(error.value)
    assert sum(path.stat().st_size for path in made(cache)) <= 1.5 * one
    monkeypatch.setenv(converted.LIMIT_VARIABLE, "1")
    assert len(pixels(root)) == 4


def _png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.mark.parametrize("limit", ["much", "inf", ""])
def test_a_limit_that_is_no_number_is_one_line(root, cache, monkeypatch, limit):
    monkeypatch.setenv(converted.LIMIT_VARIABLE, limit)
    with pytest.raises(InputError, match=f"GB={limit}: expected a number of gigabytes"):
        pixels(root)


def test_a_cache_that_cannot_be_written_is_one_line(root, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(converted.FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="cannot be written .*TWINS_CACHE=FOLDER"):
        pixels(root)


def test_the_cache_is_where_caches_are(monkeypatch, tmp_path):
    monkeypatch.delenv(converted.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert converted.folder(modality.IMAGES) == tmp_path / "keras_twins" / "images"


def test_what_pillow_refuses_too_is_named_with_pillows_reason(root, cache):
    contents = (root / "b.tif").read_bytes()
    (root / "b.tif").write_bytes(contents[: len(contents) // 2])
    images = data.load(f"folder:{root}")
    assert images.source.reason_of(1).startswith("cannot be decoded")
    with pytest.raises(InputError, match=r"images/b\.tif cannot be decoded"):
        list(images)


def test_several_at_once_convert_once(root, cache):
    """As the workers of a training on one machine do."""
    readable = functools.partial(converted.readable, modality.IMAGES)
    found, names = [], [str(path) for path in sorted(root.iterdir())]
    workers = [
        threading.Thread(target=lambda: found.append(readable("x", names)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({tuple(one.paths) for one in found}) == 1 and len(found) == 4
    assert len(made(cache)) == 3
    assert not [path for path in cache.rglob("*") if path.name.startswith(".partial")]


def test_a_folder_that_needs_no_conversion_needs_no_cache(root, cache):
    for path in root.iterdir():
        if path.name != "a.png":
            path.unlink()
    assert len(pixels(root)) == 1
    assert not cache.exists()


def test_a_native_looking_file_is_converted_where_one_asks_for_it(root, cache):
    source = open_source(f"folder:{root}", "train")
    assert str(root / "a.png") not in source.originals.values()
    chosen = source.converting({str(root / "a.png")})
    assert str(root / "a.png") in chosen.originals.values()
    np.testing.assert_array_equal(list(chosen.dataset())[0], RGB)
