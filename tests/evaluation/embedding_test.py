import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_twins as kt
from keras_twins import progress
from keras_twins.errors import InputError
from keras_twins.evaluation import embed

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 6, 5, 3), np.uint8)
LABELS = np.arange(23) % 4


def encoder():
    inputs = keras.Input((6, 5, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    # In training mode these two would make the result depend on batch and chance.
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def expected(model):
    return model(IMAGES.astype(np.float32), training=False).numpy()


def test_keeps_order_and_labels_through_a_ragged_last_batch():
    model = encoder()
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    for given in (dataset, dataset.batch(10), dataset.batch(64)):
        features, labels = embed(model, given)
        np.testing.assert_allclose(features, expected(model), rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(labels, LABELS)
        assert features.dtype == np.float32 and labels.dtype == np.int64


def test_a_dataset_without_labels_has_none():
    model = encoder()
    features, labels = embed(model, tf.data.Dataset.from_tensor_slices(IMAGES))
    assert features.shape == (23, 4)
    assert labels is None


def test_the_encoder_is_traced_once():
    traces = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    model = keras.Sequential(
        [
            keras.Input((6, 5, 3)),
            Counting(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    traces.clear()
    embed(model, tf.data.Dataset.from_tensor_slices(IMAGES).batch(10))
    assert len(traces) == 1


def test_any_callable_is_an_encoder():
    def brightness(images):
        assert images.dtype == tf.float32
        return images.numpy().mean(axis=(1, 2))

    features, _ = embed(brightness, tf.data.Dataset.from_tensor_slices(IMAGES).batch(9))
    np.testing.assert_allclose(features, IMAGES.mean(axis=(1, 2)), rtol=1e-5)


def test_the_embeddings_of_a_twins_are_those_of_its_encoder():
    model = kt.models.Twins(encoder(), kt.models.projector(4, (8, 8)))
    features, _ = embed(model, tf.data.Dataset.from_tensor_slices(IMAGES))
    np.testing.assert_allclose(features, expected(model.encoder), rtol=1e-4, atol=1e-3)


def test_half_precision_comes_out_as_float32():
    def half(images):
        return tf.cast(tf.reduce_mean(images, axis=(1, 2)), tf.bfloat16)

    features, _ = embed(half, tf.data.Dataset.from_tensor_slices(IMAGES))
    assert features.dtype == np.float32


def test_a_dataset_of_unknown_length():
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    dataset = dataset.filter(lambda image, label: label < 3).batch(4)
    features, labels = embed(lambda x: tf.reduce_mean(x, axis=(1, 2)), dataset)
    keep = LABELS < 3
    np.testing.assert_array_equal(labels, LABELS[keep])
    np.testing.assert_allclose(features, IMAGES[keep].mean(axis=(1, 2)), rtol=1e-5)


def test_output_writes_the_same_features_to_a_file(tmp_path):
    model = encoder()
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    path = tmp_path / "features.npy"
    features, labels = embed(model, dataset, output=path)
    in_memory, _ = embed(model, dataset)
    assert isinstance(features, np.memmap)
    np.testing.assert_array_equal(features, in_memory)
    np.testing.assert_array_equal(np.load(path), in_memory)
    np.testing.assert_array_equal(np.load(tmp_path / "features.labels.npy"), labels)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", ["features.npz", "features.parquet"])
def test_output_to_other_files_holds_the_same_features(tmp_path, name, labelled):
    model = encoder()
    data = (IMAGES, LABELS) if labelled else IMAGES
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(4)
    features, labels = embed(model, dataset, output=tmp_path / name)
    assert features is None
    written = kt.collection.read(tmp_path / name)
    in_memory, _ = embed(model, dataset)
    np.testing.assert_array_equal(written.embeddings, in_memory)
    if labelled:
        np.testing.assert_array_equal(written.labels, LABELS)
        np.testing.assert_array_equal(labels, LABELS)
    else:
        assert written.labels is None and labels is None
    assert len(list(tmp_path.iterdir())) == 1


def test_an_exported_model_is_an_encoder(tmp_path):
    class Exported(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 6, 5, 3], tf.uint8)])
        def embed_images(self, images):
            pixels = tf.cast(images, tf.float32)
            return {"embedding": tf.reduce_mean(pixels, axis=(1, 2))}

    model = Exported()
    for version in ("9", "10"):
        signatures = {"embed_images": model.embed_images} if version == "10" else {}
        tf.saved_model.save(model, str(tmp_path / version), signatures=signatures)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    features, labels = embed(tmp_path, dataset)
    np.testing.assert_allclose(features, IMAGES.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(labels, LABELS)


def test_a_folder_without_an_exported_model(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(InputError, match="no_such.*does not exist"):
        embed(tmp_path / "no_such", dataset)
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(InputError, match="not an exported embedding model"):
        embed(tmp_path, dataset)


def test_refuses_an_output_of_another_kind(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(InputError, match=r"features\.csv: expected a name ending in"):
        embed(encoder(), dataset, output=tmp_path / "features.csv")


@pytest.mark.parametrize("name", ["features.npy", "features.parquet"])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, name):
    path = tmp_path / name
    path.write_text("old")

    def fails_at_the_end(images):
        if len(images) < 10:
            raise RuntimeError("the last batch")
        return tf.reduce_mean(images, axis=(1, 2))

    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(10)
    with pytest.raises(RuntimeError, match="the last batch"):
        embed(fails_at_the_end, dataset, output=path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_verbose_shows_progress(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(10)
    embed(encoder(), dataset)
    assert "embedding" not in capsys.readouterr().err
    embed(encoder(), dataset, verbose=1)
    assert "embedding: 3 of 3 batches, " in capsys.readouterr().err


def test_images_of_differing_sizes():
    def images():
        yield IMAGES[0]
        yield IMAGES[1, 1:]

    spec = tf.TensorSpec([None, None, 3], tf.uint8)
    dataset = tf.data.Dataset.from_generator(images, output_signature=spec)
    with pytest.raises(InputError, match="kt.data.evaluation_pipeline"):
        embed(encoder(), dataset)


@pytest.mark.parametrize(
    "dataset, message",
    [
        (tf.data.Dataset.from_tensor_slices(IMAGES).take(0), "nothing to embed"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).repeat(), "never ends"),
        (tf.data.Dataset.from_tensor_slices(IMAGES[:, 0, 0]), "cannot be embedded"),
        (tf.data.Dataset.from_tensor_slices({"image": IMAGES}), "cannot be embedded"),
        (
            tf.data.Dataset.from_tensor_slices((IMAGES, np.eye(23))),
            "one integer label an image",
        ),
        (IMAGES, "tf.data.Dataset"),
    ],
)
def test_refuses_what_is_no_dataset_of_images(dataset, message):
    with pytest.raises(ValueError, match=message):
        embed(encoder(), dataset)


def test_refuses_embeddings_that_are_not_flat():
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(ValueError, match=r"shape \(23, D\).*\(23, 6, 5, 3\)"):
        embed(lambda images: images, dataset)


ON_REPLICAS = """
import keras, numpy as np, tensorflow as tf
import keras_twins as kt

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
images = np.random.default_rng(0).random((23, 4, 4, 3), np.float32)
dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(23))).batch(7)
with strategy.scope():
    encoder = keras.Sequential([
        keras.Input((4, 4, 3)),
        keras.layers.Conv2D(5, 3),
        keras.layers.GlobalAveragePooling2D(),
    ])
    features, labels = kt.evaluation.embed(encoder, dataset)
assert np.array_equal(labels, np.arange(23))
np.testing.assert_allclose(features, encoder(images), rtol=1e-4, atol=1e-6)
# Outside of the scope, one replica does it all.
features, _ = kt.evaluation.embed(encoder, dataset)
np.testing.assert_allclose(features, encoder(images), rtol=1e-4, atol=1e-6)
"""


def test_replicas_share_each_batch_in_order():
    subprocess.run([sys.executable, "-c", ON_REPLICAS], check=True)
