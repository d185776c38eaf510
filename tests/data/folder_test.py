import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import data
from keras_twins.errors import InputError

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
RGBA = np.concatenate([RGB, RGB[..., :1]], axis=-1)
GREY = RGB[..., 0]
PALETTE = Image.fromarray(RGB).quantize(16)
DEEP = np.random.default_rng(0).integers(0, 2**16, (6, 5), dtype=np.uint16)
SMOOTH = np.dstack([np.tile(np.arange(0, 160, 10, np.uint8), (16, 1))] * 3)


def _folder(root, *names):
    """Writes a grey image to each name, all of one size, each of another level."""
    for level, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), level).save(path)
    return f"folder:{root}"


def _levels(dataset):
    return [int(image[0, 0, 0]) for image in dataset]


def _grey(values):
    return np.repeat(values[..., None], 3, axis=-1)


def test_lossless_files_become_their_rgb_pixels(tmp_path):
    palette = PALETTE.convert("RGB")
    files = {
        "deep.png": (DEEP, _grey(DEEP >> 8)),
        "grey.bmp": (GREY, _grey(GREY)),
        "grey.png": (GREY, _grey(GREY)),
        "grey_alpha.png": (RGBA[..., 2:], _grey(RGB[..., 2])),
        "palette.bmp": (PALETTE, palette),
        "palette.gif": (PALETTE, palette),
        "palette.png": (PALETTE, palette),
        "rgb.bmp": (RGB, RGB),
        "rgb.png": (RGB, RGB),
        "rgb.webp": (RGB, RGB),
        "rgba.bmp": (RGBA, RGB),
        "rgba.png": (RGBA, RGB),
        "rgba.webp": (RGBA, RGB),
    }
    for name, (image, _) in files.items():
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        exactly = {"lossless": True, "exact": True} if name.endswith("webp") else {}
        image.save(tmp_path / name, **exactly)
    found = data.load(f"folder:{tmp_path}").as_numpy_iterator()
    for image, (name, (_, expected)) in zip(found, sorted(files.items()), strict=True):
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, np.asarray(expected), err_msg=name)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_is_decoded_as_pil_does(tmp_path, mode):
    path = tmp_path / "a.JPG"
    Image.fromarray(SMOOTH).convert(mode).save(path, "JPEG", quality=95)
    (found,) = data.load(f"folder:{tmp_path}")
    expected = np.asarray(Image.open(path).convert("RGB"), int)
    # TensorFlow uses the fast inverse transform, PIL the accurate one.
    assert np.abs(found.numpy().astype(int) - expected).max() <= 4


def test_the_first_frame_of_a_gif_is_used(tmp_path):
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    (found,) = data.load(f"folder:{tmp_path}")
    assert found.shape == (4, 4, 3)
    assert (found.numpy() == 10).all()


def test_files_are_found_by_suffix_in_any_case_in_the_order_of_their_names(tmp_path):
    name = _folder(tmp_path, "B.PNG", "a.Jpeg", "A.bmp", ".hidden.png", ".git/a.png")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "c.png").mkdir()
    dataset = data.load(name)
    assert int(dataset.cardinality()) == 3
    assert _levels(dataset) == [2, 0, 1]


def test_sub_folders_are_classes(tmp_path):
    name = _folder(tmp_path, "dog/1.png", "cat/2.png", "cat/old/0.png", "ant/3.png")
    pairs = [(int(i[0, 0, 0]), int(label)) for i, label in data.load(name, labels=True)]
    assert pairs == [(3, 0), (1, 1), (2, 1), (0, 2)]
    assert data.describe(name).class_names == ("ant", "cat", "dog")


@pytest.mark.parametrize("names", [["a.png", "b.png"], ["a.png", "cat/b.png"]])
def test_images_outside_sub_folders_have_no_labels(tmp_path, names):
    name = _folder(tmp_path, *names)
    assert len(list(data.load(name))) == 2
    assert data.describe(name).class_names is None
    with pytest.raises(InputError, match=f"folder:{tmp_path} has no labels"):
        data.load(name, labels=True)


def test_a_sub_folder_of_the_splits_name_is_the_split(tmp_path):
    name = _folder(tmp_path, "train/a/0.png", "train/b/1.png", "val/b/2.png")
    assert _levels(data.load(name)) == [0, 1]
    for split in ("val", "validation"):
        ((image, label),) = data.load(name, split, labels=True)
        # Class b has the same number in a split that has no class a.
        assert (int(image[0, 0, 0]), int(label)) == (2, 1)
    with pytest.raises(InputError, match="no split 'test'.*no sub-folder"):
        data.load(name, "test")


def test_tiny_imagenet_keeps_the_classes_of_its_validation_in_a_file(tmp_path):
    name = _folder(
        tmp_path,
        "train/n1/images/n1_0.jpeg",
        "train/n2/images/n2_0.jpeg",
        "val/images/val_0.jpeg",
        "val/images/val_1.jpeg",
        "test/images/test_0.jpeg",
    )
    annotations = tmp_path / "val" / "val_annotations.txt"
    annotations.write_text("val_1.jpeg\tn1\t0\t0\t3\t2\nval_0.jpeg\tn2\t0\t0\t3\t2\n")
    for split, expected in (("train", [0, 1]), ("val", [1, 0])):
        assert data.describe(name, split).class_names == ("n1", "n2")
        labels = [int(label) for _, label in data.load(name, split, labels=True)]
        assert labels == expected
    assert data.describe(name, "test").class_names is None
    # An image that the file does not name has no class, and is an image all the same.
    annotations.write_text("val_1.jpeg\tn1\n")
    assert [int(label) for _, label in data.load(name, "val", labels=True)] == [0]
    assert len(data.load(name, "val")) == 2


def test_without_split_folders_everything_is_train(tmp_path):
    name = _folder(tmp_path, "a/0.png", "b/1.png")
    assert _levels(data.load(name)) == [0, 1]
    with pytest.raises(InputError, match="no split 'validation'"):
        data.load(name, "validation")


def test_links_that_go_in_circles_end(tmp_path):
    name = _folder(tmp_path, "a/0.png", "b/1.png")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    assert _levels(data.load(name)) == [0, 1]


def test_describe_gives_the_sides_that_all_images_share(tmp_path):
    name = _folder(tmp_path, "a.png", "b.png")
    assert data.describe(name).image_shape == (2, 3, 3)
    Image.new("RGB", (7, 2)).save(tmp_path / "c.png")
    assert data.describe(name).image_shape == (2, None, 3)
    Image.new("RGB", (7, 9)).save(tmp_path / "d.png")
    assert data.describe(name).image_shape == (None, None, 3)
    assert data.load(name).element_spec == tf.TensorSpec((None, None, 3), tf.uint8)


def test_folders_without_images_are_refused_in_one_line(tmp_path):
    cases = {
        "": "needs a path",
        tmp_path / "missing": "does not exist",
        tmp_path / "empty": "is empty",
        tmp_path / "texts": "has no images in .*png.*1 other file ignored: .txt 1",
        tmp_path / "texts/a.txt": "is a file",
    }
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("a")
    for path, message in cases.items():
        with pytest.raises(InputError, match=message) as error:
            data.load(f"folder:{path}")
        assert "\n" not in str(error.value)


def _damage(path, kind):
    if kind == "text":
        path.write_text("no image at all")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind in ("truncated", "missing"):
        Image.new("L", (3, 2)).save(path)
        path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize(
    "kind, reason",
    [
        ("text", "is not a JPEG, PNG, BMP, GIF or WebP image"),
        ("empty", "is an empty file"),
        ("truncated", "cannot be decoded: Invalid PNG data, size 50"),
        ("missing", "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_decoded_is_named(tmp_path, kind, reason):
    name = _folder(tmp_path, "a.png", "c.png")
    _damage(tmp_path / "b [1].png", kind)
    dataset = data.load(name)
    if kind == "missing":
        (tmp_path / "b [1].png").unlink()
    expected = f"{tmp_path}/b [1].png {reason}"
    with pytest.raises(InputError) as error:
        list(dataset)
    assert str(error.value) == expected
    # The same where images are cached, and where a pipeline on top of them fails.
    with pytest.raises(InputError) as error:
        data.image_batches(dataset, 2)
    assert str(error.value) == expected
    with pytest.raises(InputError) as error, data.explain_read_errors(dataset):
        list(dataset.map(lambda image: image))
    assert str(error.value) == expected


def test_errors_that_are_not_about_images_pass(tmp_path):
    dataset = data.load(_folder(tmp_path, "a.png"))
    _damage(tmp_path / "a.png", "text")
    with pytest.raises(tf.errors.InvalidArgumentError, match="model"):
        with data.explain_read_errors(dataset):
            raise tf.errors.InvalidArgumentError(None, None, "the model's shapes")
