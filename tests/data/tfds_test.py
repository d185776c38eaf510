import numpy as np
import pytest
import tensorflow as tf

from keras_twins import data
from keras_twins.data import memory
from keras_twins.errors import InputError

COUNT = 6
RGB = np.random.default_rng(0).integers(0, 256, (COUNT, 4, 5, 3), dtype=np.uint8)


def _write(root, name, features, examples):
    import tensorflow_datasets as tfds

    types = {
        "label": tfds.features.ClassLabel(names=["cat", "dog", "eel"]),
        "text": tfds.features.Text(),
    }
    features = {key: kind or types[key] for key, kind in features.items()}
    folder = root / name / "1.0.0"
    folder.mkdir(parents=True)
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version="1.0.0", data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity, features=tfds.features.FeaturesDict(features)
    )
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=100)
    writer.initialize_splits(["train", "test"])
    writer.add_examples({"train": examples, "test": examples[:2]})
    writer.close_all()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Three prepared data sets: `colour`, `grey` (images of two sizes) and `texts`."""
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("tfds")
    colour = tfds.features.Image(shape=(4, 5, 3), encoding_format="png")
    grey = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
    _write(
        root,
        "colour",
        {"image": colour, "label": None},
        [{"image": image, "label": i % 3} for i, image in enumerate(RGB)],
    )
    _write(
        root,
        "grey",
        {"image": grey},
        [{"image": image[: 2 + i % 2, :, :1]} for i, image in enumerate(RGB)],
    )
    _write(root, "texts", {"text": None}, [{"text": "a"}] * 2)
    return root


def test_images_and_labels_come_in_their_stored_order(data_dir):
    dataset = data.load("colour", data_dir=data_dir)
    assert dataset.element_spec == tf.TensorSpec((4, 5, 3), tf.uint8)
    assert int(dataset.cardinality()) == COUNT
    np.testing.assert_array_equal(np.stack(list(dataset)), RGB)
    pairs = list(data.load("colour", data_dir=data_dir, labels=True))
    assert [int(label) for _, label in pairs] == [0, 1, 2, 0, 1, 2]
    assert pairs[0][1].dtype == tf.int64
    np.testing.assert_array_equal(pairs[1][0], RGB[1])


def test_splits_may_be_sliced(data_dir):
    dataset = data.load("colour", "train[:50%]", data_dir=data_dir)
    assert int(dataset.cardinality()) == len(list(dataset)) == COUNT // 2
    assert int(data.load("colour:1.0.0", "test", data_dir).cardinality()) == 2


def test_grey_images_of_any_size_become_rgb(data_dir):
    dataset = data.load("grey", data_dir=data_dir)
    assert dataset.element_spec == tf.TensorSpec((None, None, 3), tf.uint8)
    for i, image in enumerate(dataset):
        expected = np.repeat(RGB[i, : 2 + i % 2, :, :1], 3, axis=-1)
        np.testing.assert_array_equal(image, expected)


def test_describe_says_what_is_there(data_dir):
    found = data.describe("colour", data_dir=data_dir)
    assert (found.num_images, found.image_shape) == (COUNT, (4, 5, 3))
    assert found.class_names == ("cat", "dog", "eel")
    found = data.describe("grey", "test", data_dir=data_dir)
    assert (found.num_images, found.image_shape) == (2, (None, None, 3))
    assert found.class_names is None


def test_a_cached_pipeline_reads_in_any_order_what_a_streamed_one_skips_to(
    data_dir, monkeypatch
):
    class Firsts:
        def resample_parts(self, height, width, part, key):
            return self.resample(part(tf.stack([0, 0, height, width])), key)

        def resample(self, image, key):
            return image[0, 0, :1], image[0, 0, :1]

        def finish(self, crops, _, keys):
            return crops[:, 0], keys

    def run(start, count):
        dataset = data.two_view_pipeline(
            data.load("grey", data_dir=data_dir), Firsts(), 2, start=start
        )
        return [(pixels.numpy(), keys.numpy()) for pixels, keys in dataset.take(count)]

    for share in (memory.MEMORY_SHARE, 0):
        monkeypatch.setattr(memory, "MEMORY_SHARE", share)
        whole = run((0, 0), 6)
        for pixels, keys in whole:
            np.testing.assert_array_equal(pixels, RGB[keys % COUNT, 0, 0, 0])
        for late, batch in zip(run((1, 2), 1), whole[5:], strict=True):
            np.testing.assert_array_equal(late, batch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cifra10",), "no data set 'cifra10'.*did you mean cifar10"),
        (("no_name_is_like_this_one",), "TensorFlow Datasets name.$"),
        (("cifar10",), "not prepared in data_dir=.*pass --config.download=True"),
        (("cifar10:9.9.9",), "'cifar10:9.9.9' cannot be opened: Dataset cifar10"),
        (("colour", "val"), "'colour' has no split 'val'; it has: test, train"),
        (("colour", "train[:0]"), "split .* of colour has no images"),
        (("texts",), r"'texts' has no images; it has: text \(a Text\)"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(data_dir, capfd, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        data.load(*arguments, data_dir=data_dir)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().out == ""


def test_missing_labels_are_refused(data_dir):
    with pytest.raises(InputError, match="grey has no labels"):
        data.load("grey", data_dir=data_dir, labels=True)
