"""Fine-tuning: an encoder that goes on learning from a share of the labels."""

import keras
import numpy as np
import tensorflow as tf

from keras_twins.errors import InputError

_BATCH_SIZE = 64
_EPOCHS = 20
# A handful of labels is gone through more often.
_FEWEST_STEPS = 200
_RATE = 1e-3
_SHIFT = 0.125  # of height and width

_SHUFFLE_BUFFER = 4096
_CACHED_BYTES = 1 << 30


def finetune(
    encoder: keras.Model,
    train: tf.data.Dataset,
    test: tf.data.Dataset,
    *,
    share: float = 0.1,
    seed: int = 0,
    verbose: int = 0,
) -> float:
    """Accuracy of an encoder that is trained further, with labels.

    A linear classifier is put on a copy of the encoder, and both are trained on a
    stratified share of the training images: 1 % and 10 % as in Barlow Twins (arXiv
    2103.03230, section 4.2), or all. 20 epochs, 200 steps or more, of batches of 64,
    with Adam and a cosine from 1e-3, images shifted by up to an eighth. (The paper's
    crops, rates for each part and 224 pixels are ImageNet's.)

    Args:
        encoder: `keras.Model` from pixels `(batch_size, H, W, C)` to embeddings; its
            weights stay as they are.
        train: batched `tf.data.Dataset` of `(images, labels)`.
        test: the same, of other images.
        share: float, above 0 and up to 1, of the labels of each class.
        seed: int, of the draw, the classifier's weights, order and shifts.
        verbose: 0 or 1, whether to show progress.

    Returns:
        The share of test images whose class is found, in 0..1.

    Raises:
        InputError: for a single class, or test classes that training does not have.
        ValueError: for a share that makes no sense.
    """
    train_y, test_y = _labels(train), _labels(test)
    classes = np.unique(train_y)
    if len(classes) < 2:
        raise InputError(
            "The training labels name a single class. Expected two or more. "
            f"Received: {len(train_y)} images of class {classes[0]}"
        )
    unseen = np.setdiff1d(test_y, classes)
    if len(unseen):
        raise InputError(
            "The test set has classes that the training set does not have. "
            f"Received: {', '.join(map(str, unseen[:5]))}"
        )
    chosen = stratified_share(train_y, share, seed)
    steps = max(_FEWEST_STEPS, _EPOCHS * len(chosen) // _BATCH_SIZE)
    model = classifier(encoder, len(classes), steps, seed)
    batches = _chosen_batches(train, chosen, len(train_y), classes, seed)
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=verbose)
    test = test.map(lambda image, label: (image, _index(classes, label)))
    return float(model.evaluate(test, verbose=0, return_dict=True)["accuracy"])


def stratified_share(labels, share, seed=0):
    """Draws the same share of the images of every class, at least one of each.

    Args:
        labels: `(N,)` array of labels.
        share: float, above 0 and up to 1.
        seed: int.

    Returns:
        int64 array of indices in ascending order.

    Raises:
        ValueError: for another share.
    """
    if not 0 < share <= 1:
        raise ValueError(
            "Invalid value for argument `share`. Expected a number above 0 and up to "
            f"1. Received: share={share}"
        )
    labels = np.asarray(labels)
    generator = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(share * len(members)))
        drawn.append(generator.choice(members, count, replace=False))
    return np.sort(np.concatenate(drawn))


def _labels(dataset):
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise InputError(
            "Fine-tuning needs labels. Expected a dataset of `(images, labels)`. "
            "Received: images alone"
        )
    labels = dataset.map(lambda image, label: label).unbatch()
    return np.array(list(labels.as_numpy_iterator()))


def classifier(encoder, n_classes, steps, seed=0):
    """A copy of an encoder with a linear classifier on it, as `finetune` trains it.

    Args:
        encoder: `keras.Model` from images to embeddings.
        n_classes: int.
        steps: int, over which the rate falls to 0.
        seed: int, of the classifier's weights and of the shifts.

    Returns:
        compiled `keras.Model` from images to logits `(batch_size, n_classes)`.
    """
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    copy.trainable = True
    shape = encoder.input_shape[1:]
    inputs = keras.Input(shape)
    shift = keras.layers.RandomTranslation(_SHIFT, _SHIFT, "reflect", seed=seed)
    x = copy(shift(inputs))
    weights = keras.initializers.GlorotUniform(seed)
    outputs = keras.layers.Dense(n_classes, kernel_initializer=weights)(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        # XLA compiles for minutes what is trained for seconds.
        jit_compile=False,
    )
    return model


def _chosen_batches(dataset, chosen, count, classes, seed):
    """Endless shuffled batches of the chosen images, with labels in 0..C − 1."""
    mask = np.zeros(count, bool)
    mask[chosen] = True
    mask = tf.constant(mask)
    images = (
        dataset.unbatch()
        .enumerate()
        .filter(lambda i, _: mask[i])
        .map(lambda i, pair: (tf.cast(pair[0], tf.uint8), _index(classes, pair[1])))
    )
    size = np.prod(images.element_spec[0].shape)
    if len(chosen) * size <= _CACHED_BYTES:
        images = images.cache()
    images = images.shuffle(min(len(chosen), _SHUFFLE_BUFFER), seed=seed).repeat()
    return images.batch(_BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def _index(classes, labels):
    """The place of each label among the sorted classes."""
    labels = tf.cast(labels, tf.int64)
    flat = tf.searchsorted(tf.constant(classes, tf.int64), tf.reshape(labels, [-1]))
    return tf.reshape(flat, tf.shape(labels))
