"""Data sets as a TFDS builder prepares them, with features of many kinds."""

import io

import numpy as np
import prepared_data
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import data
from keras_twins.data import survey
from keras_twins.errors import InputError

# Greys of Pillow's palette: every format below stores them exactly.
PIXELS = np.random.default_rng(0).integers(0, 6, (12, 4, 6, 1)) * 51
PIXELS = np.repeat(PIXELS, 3, axis=-1).astype(np.uint8)
FORMATS = [("PNG", "RGB"), ("BMP", "P"), ("TIFF", "RGB"), ("BMP", "RGB")]
SPECIES = ["owl", "ant", "bee"]


def encoded(index):
    kind, mode = FORMATS[index % 4]
    file = io.BytesIO()
    Image.fromarray(PIXELS[index]).convert(mode).save(file, kind)
    file.seek(0)
    return file


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A data set with an image in a feature of features, and labels of many kinds."""
    import tensorflow_datasets as tfds

    f = tfds.features
    root = tmp_path_factory.mktemp("tfds")
    features = {
        "pair": {"left": f.Image(), "mask": f.LabeledImage(labels=3)},
        "species": f.Text(),
        "wild": np.bool_,
        "number": np.int32,
        "weight": np.float32,
        "one_hot": f.Tensor(shape=(3,), dtype=np.float32),
        "tags": f.Sequence(f.ClassLabel(num_classes=3)),
        "boxes": f.Sequence({"label": f.ClassLabel(num_classes=3)}),
        "clip": f.Video(shape=(None, 4, 4, 3)),
        "call": f.Audio(),
    }

    def example(i):
        return {
            "pair": {"left": encoded(i), "mask": np.zeros((4, 6, 1), np.uint8)},
            "species": SPECIES[i % 3],
            "wild": i % 2 == 0,
            "number": 7 * (i % 3),
            "weight": 0.5,
            "one_hot": np.eye(3, dtype=np.float32)[i % 3],
            "tags": [i % 3, 1],
            "boxes": {"label": [i % 3]},
            "clip": np.zeros((2, 4, 4, 3), np.uint8),
            "call": np.zeros(16, np.int64),
        }

    prepared_data.prepare(root, "zoo", features, example)
    pairs = {"left": f.Image(), "right": f.Image()}
    prepared_data.prepare(
        root,
        "pairs",
        pairs,
        lambda i: {"left": encoded(i), "right": encoded((i + 1) % 12)},
    )
    clips = {"clip": features["clip"], "call": features["call"]}
    prepared_data.prepare(
        root, "clips", clips, lambda i: {key: example(i)[key] for key in clips}
    )
    return root


def test_the_only_image_is_found_wherever_it_is_and_however_it_is_stored(zoo):
    for index, image in enumerate(data.load("zoo", data_dir=zoo)):
        np.testing.assert_array_equal(image, PIXELS[index], FORMATS[index % 4])


def test_one_of_several_images_is_chosen(zoo):
    right = data.load("pairs", data_dir=zoo, image_key="right")
    np.testing.assert_array_equal(np.stack(list(right)), PIXELS[1:9])
    message = "several features that are images: left, right; .*--config.image_key=left"
    with pytest.raises(InputError, match=message):
        data.load("pairs", data_dir=zoo)


@pytest.mark.parametrize(
    ("key", "names", "expected"),
    [
        ("species", ("ant", "bee", "owl"), [2, 0, 1, 2]),
        ("wild", ("False", "True"), [1, 0, 1, 0]),
        ("number", None, [0, 7, 14, 0]),
    ],
)
def test_texts_truth_values_and_integers_are_labels(zoo, key, names, expected):
    images = data.load("zoo", data_dir=zoo, labels=True, label_key=key)
    labels = [int(label) for _, label in images]
    assert labels[:4] == expected and len(labels) == 8
    assert images.source.class_names == names
    np.testing.assert_array_equal(images.source.labels(), labels)
    # A class has one number in all splits.
    test = data.load("zoo", "test", data_dir=zoo, labels=True, label_key=key)
    assert [int(label) for _, label in test][:2] == expected[2:]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("tags", "'tags' is a Sequence of ClassLabel"),
        ("boxes", "'boxes' is a Sequence of FeaturesDict"),
        ("one_hot", "'one_hot' is a Tensor of 3 float32"),
        ("weight", "'weight' is a Scalar of float32|Tensor of float32"),
        ("pair/mask", "'pair/mask' is a LabeledImage"),
        (None, "'.*' is a (Sequence|LabeledImage)"),
    ],
)
def test_labels_that_are_not_one_class_per_image_are_none(zoo, key, words):
    images = data.load("zoo", data_dir=zoo, label_key=key)
    assert not images.source.has_labels
    message = f"labels are not one class per image .*{words}"
    with pytest.raises(InputError, match=message):
        images.source.dataset(labels=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"image_key": "clip"},
            "--config.image_key=clip: a Video, not an image; .*left",
        ),
        (
            {"image_key": "left"},
            r"image_key=left: .*no such feature; it has: .*pair/left",
        ),
        (
            {"label_key": "x/y"},
            r"label_key=x/y: .*no such feature; .*wild \(a \w+ of b",
        ),
        (
            {"name": "clips"},
            r"'clips' has no images; .*call \(an Audio\), clip \(a Video",
        ),
    ],
)
def test_a_feature_that_is_not_there_is_one_line(zoo, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        data.load(**{"name": "zoo", "data_dir": zoo} | arguments)
    assert "\n" not in str(error.value)


def test_an_example_has_its_name_in_the_whole_split_by_any_slice(zoo):
    source = data.load("zoo", "train[25%:]+test[:2]", data_dir=zoo).source
    names = [f"train[{i}]" for i in range(2, 8)] + ["test[0]", "test[1]"]
    assert source.names() == names
    assert [source.name_of(i) for i in range(8)] == names
    rest = source.without({"train[3]", "test[1]", "train[0]"})
    kept = [2, 4, 5, 6, 7, 8]
    np.testing.assert_array_equal(np.stack(list(rest.dataset())), PIXELS[kept])
    assert rest.num_images == int(rest.records().cardinality()) == 6
    said = [rest.label(record).numpy().decode() for record in rest.records()]
    assert said == [f"{name} of zoo" for name in rest.names()]


@pytest.fixture
def torn(zoo, tmp_path):
    """A copy of the data set, and its file of training examples."""
    import shutil

    shutil.copytree(zoo, tmp_path / "copy")
    (file,) = (tmp_path / "copy" / "zoo" / "1.0.0").glob("*train*")
    return tmp_path / "copy", file


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: whole[:-30], "cannot be read: truncated record at"),
        (lambda whole: whole[:100] + b"odd" + whole[103:], "corrupted record at"),
        (lambda whole: b"", "holds 0 examples, not 8"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(torn, damage, words):
    root, file = torn
    file.write_bytes(damage(file.read_bytes()))
    images = data.load("zoo", data_dir=root)
    for read in (
        lambda: list(images),
        lambda: list(survey.undecodable(images.source)),
        lambda: images.source.records_in_memory,
    ):
        with pytest.raises(InputError, match=words) as error:
            read()
        assert file.name in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_is_named_before_anything_is_read(torn):
    root, file = torn
    file.unlink()
    with pytest.raises(InputError, match=f"{file.name} is missing .*of 1 files"):
        data.load("zoo", data_dir=root)


def test_an_example_that_is_not_an_image_is_named(zoo, tmp_path):
    import tensorflow_datasets as tfds

    def example(i):
        return {"image": io.BytesIO(b"no image") if i == 5 else encoded(0)}

    prepared_data.prepare(tmp_path, "holes", {"image": tfds.features.Image()}, example)
    images = data.load("holes", data_dir=tmp_path)
    with pytest.raises(InputError, match=r"train\[5\] of holes is not a"):
        list(images)
    assert [i for _, i in survey.undecodable(images.source) if i is not None] == [5]
    whole = data.load("holes", data_dir=tmp_path, without=["train[5]"])
    assert len(list(whole)) == int(whole.cardinality()) == 7
    assert isinstance(whole.element_spec, tf.TensorSpec)
