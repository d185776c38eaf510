"""Fine-tuning with a share of the labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.errors import InputError
from keras_twins.evaluation import fine_tuning


def datasets(count=240, classes=(0, 1, 2)):
    """Images whose class is the channel that is bright, and an encoder that is blind.

    Its embedding is the same for all, until its own weights are trained.
    """
    generator = np.random.default_rng(0)
    labels = np.asarray(classes)[np.arange(count) % len(classes)]
    images = generator.integers(0, 120, (count, 6, 6, 3))
    images[np.arange(count), :, :, np.arange(count) % len(classes)] += 100
    dataset = tf.data.Dataset.from_tensor_slices((images.astype(np.uint8), labels))
    dataset = dataset.map(lambda image, label: (tf.cast(image, tf.float32), label))
    return dataset.take(count // 2).batch(32), dataset.skip(count // 2).batch(32)


def blind_encoder():
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    # What reaches the output of these weights is next to nothing, but not zero.
    small = keras.initializers.RandomNormal(stddev=1e-3, seed=0)
    return keras.Model(inputs, keras.layers.Dense(8, kernel_initializer=small)(x))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fine_tuning, "_RATE", 0.03)


def test_the_encoder_learns_and_the_original_does_not():
    train, test = datasets()
    encoder = blind_encoder()
    before = [weights.copy() for weights in encoder.get_weights()]
    assert evaluation.finetune(encoder, train, test, share=1.0) > 0.9
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_seed_gives_the_same_accuracy():
    train, test = datasets(120)
    once, again = (
        evaluation.finetune(blind_encoder(), train, test, share=0.1, seed=3)
        for _ in range(2)
    )
    assert once == again


def test_labels_may_be_any_numbers():
    train, test = datasets(120, classes=(7, -1, 1000))
    assert evaluation.finetune(blind_encoder(), train, test, share=1.0) > 0.9


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_a_share_is_drawn_of_every_class(share):
    labels = np.repeat([0, 1, 2], [1000, 200, 3])
    drawn = fine_tuning.stratified_share(labels, share, seed=1)
    counts = np.bincount(labels[drawn])
    expected = [max(1, round(share * count)) for count in (1000, 200, 3)]
    np.testing.assert_array_equal(counts, expected)
    assert len(set(drawn)) == len(drawn) and np.all(np.diff(drawn) > 0)
    again = fine_tuning.stratified_share(labels, share, seed=1)
    np.testing.assert_array_equal(drawn, again)
    if share < 1:
        other = fine_tuning.stratified_share(labels, share, seed=2)
        assert not np.array_equal(drawn, other)


def test_only_the_drawn_images_are_trained_on():
    train, _ = datasets(120)
    chosen = np.array([0, 5, 33, 59])
    classes = np.arange(3)
    batches = fine_tuning._chosen_batches(train, chosen, 60, classes, seed=0)
    images, labels = (part.numpy() for part in next(iter(batches)))
    whole = np.concatenate([batch for batch, _ in train]).astype(np.uint8)
    pairs = {(i.tobytes(), label) for i, label in zip(images, labels, strict=True)}
    assert pairs == {(whole[i].tobytes(), i % 3) for i in chosen}


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1])
def test_refuses_other_shares(share):
    with pytest.raises(ValueError, match="share"):
        fine_tuning.stratified_share(np.arange(3), share)


def test_refuses_labels_that_cannot_be_learned():
    train, _ = datasets(60)
    single, _ = datasets(60, classes=(4,))
    bare = train.map(lambda image, label: image)
    with pytest.raises(InputError, match="single class.*class 4"):
        evaluation.finetune(blind_encoder(), single, train)
    with pytest.raises(InputError, match="classes that the training set does not"):
        evaluation.finetune(blind_encoder(), train, single)
    with pytest.raises(InputError, match="images alone"):
        evaluation.finetune(blind_encoder(), bare, train)
