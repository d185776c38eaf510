"""A classifier trained with the twins: its part of the loss, its labels, its files."""

import keras
import numpy as np
import pytest
from keras import ops
from twins_contract import check_twins

from keras_twins import losses, models
from keras_twins.models.joint import labelled_mean

SHAPE, ROWS, CLASSES = (8, 8, 3), 24, 5
RNG = np.random.default_rng(0)
VIEWS = RNG.normal(size=(2, ROWS, *SHAPE)).astype("float32")
PAIR = (VIEWS[0], VIEWS[0] + 0.3 * VIEWS[1])
LABELS = np.where(np.arange(ROWS) % 3, -1, np.arange(ROWS) % CLASSES)
NONE = np.full(ROWS, -1)


def make_parts():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(12, 3, strides=2),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    return encoder, models.projector(12, (16, 16))


def make_model(optimizer=None, **kwargs):
    model = models.JointTwins(*make_parts(), CLASSES, **kwargs)
    loss = losses.BarlowTwinsLoss(1 / 128)
    model.compile(
        optimizer or keras.optimizers.Adam(0.01), loss=loss, jit_compile=False
    )
    return model


def values(variables):
    return [ops.convert_to_numpy(v) for v in variables]


def cross_entropy(logits, labels):
    """The mean over labelled rows and its gradient by the logits, in float64."""
    logits = logits.astype("float64")
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.flatnonzero(labels >= 0)
    wanted = np.zeros_like(shares)
    wanted[rows, labels[rows]] = 1.0
    gradient = np.where((labels >= 0)[:, None], shares - wanted, 0.0) / len(rows)
    return -np.mean(np.log(shares[rows, labels[rows]])), gradient


def test_the_contract(tmp_path):
    check_twins(lambda: make_model(classification_weight=2.0), (PAIR, LABELS), tmp_path)


def test_the_classifier_is_part_of_the_file(tmp_path):
    model = make_model(classification_weight=2.0)
    model.train_on_batch(PAIR, LABELS)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.classification_weight == 2.0
    np.testing.assert_array_equal(loaded.classify(PAIR[0]), model.classify(PAIR[0]))


def test_the_cross_entropy_is_the_mean_over_labelled_rows():
    logits = 5 * RNG.normal(size=(ROWS, CLASSES)).astype("float32")
    expected, _ = cross_entropy(logits, LABELS)
    found = float(ops.convert_to_numpy(labelled_mean(logits, LABELS)))
    assert found == pytest.approx(expected, rel=1e-6)
    assert float(ops.convert_to_numpy(labelled_mean(logits, NONE))) == 0.0


def test_the_loss_is_the_twin_loss_and_the_weighted_cross_entropy():
    weight = 7.0
    logs = make_model(classification_weight=weight).test_on_batch(
        PAIR, LABELS, return_dict=True
    )
    alone = models.Twins(*make_parts())
    alone.compile("adam", loss=losses.BarlowTwinsLoss(1 / 128))
    twins = alone.test_on_batch(PAIR, return_dict=True)
    expected = twins["loss"] + weight * logs["classification"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    for name in set(twins) - {"loss"}:
        assert logs[name] == pytest.approx(twins[name], rel=1e-5)


def test_one_step_moves_the_head_by_the_gradient_of_the_formula():
    rate, weight = 0.5, 3.0
    model = make_model(keras.optimizers.SGD(rate), classification_weight=weight)
    kernel, bias = values(model.head.weights)
    embeddings = ops.convert_to_numpy(model.encoder(PAIR[0], training=True))
    model = make_model(keras.optimizers.SGD(rate), classification_weight=weight)
    model.head.set_weights([kernel, bias])
    _, gradient = cross_entropy(embeddings @ kernel + bias, LABELS)
    model.train_on_batch(PAIR, LABELS)
    new_kernel, new_bias = values(model.head.weights)
    expected = rate * weight * embeddings.astype("float64").T @ gradient
    np.testing.assert_allclose(kernel - new_kernel, expected, rtol=1e-3, atol=1e-5)
    expected = rate * weight * gradient.sum(axis=0)
    np.testing.assert_allclose(bias - new_bias, expected, rtol=1e-3, atol=1e-5)


def test_the_encoder_learns_from_both_parts_and_without_labels_from_the_twins_alone():
    """The step is linear in the weight of the cross-entropy; 0 gives that of Twins."""

    def moved(weight, labels):
        optimizer = keras.optimizers.SGD(0.01)
        model = make_model(optimizer, classification_weight=weight)
        before = values(model.encoder.trainable_variables)
        model.train_on_batch(PAIR, labels)
        after = values(model.encoder.trainable_variables)
        return np.concatenate(
            [(a - b).ravel() for a, b in zip(after, before, strict=True)]
        )

    twins, one, two = (moved(weight, LABELS) for weight in (0.0, 10.0, 20.0))
    assert np.abs(one - twins).max() > 0.01 * np.abs(twins).max()
    np.testing.assert_allclose(two - one, one - twins, rtol=1e-2, atol=1e-5)
    np.testing.assert_allclose(moved(10.0, NONE), twins, rtol=1e-5, atol=1e-7)


def test_classes_are_learned_and_told_by_classify():
    labels = np.arange(ROWS) % CLASSES
    shades = labels[:, None, None, None] - 2.0
    pair = tuple(0.1 * view + shades for view in PAIR)
    model = make_model()
    for _ in range(60):
        model.train_on_batch(pair, np.where(np.arange(ROWS) < 10, labels, -1))
    found = model.classify(np.float32(pair[1]))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    assert np.mean(found.argmax(axis=1) == labels) > 0.6  # by chance 0.2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model()
        found = [model.train_on_batch(PAIR, LABELS)[0] for _ in range(8)]
    finally:
        keras.config.set_dtype_policy("float32")
    assert found[-1] < found[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "labels=none"),
        (np.zeros(ROWS, "float32"), r"labels=float32 \(24,\)"),
        (np.zeros((ROWS, CLASSES), "int32"), r"labels=int32 \(24, 5\)"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"trained with labels(.|\n)*{message}"):
        make_model().train_on_batch(PAIR, labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "2 or more.*num_classes=1"),
        (
            {"num_classes": 2, "classification_weight": -1.0},
            r"number >= 0.*classification_weight=-1\.0",
        ),
    ],
)
def test_settings_without_a_meaning_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.JointTwins(*make_parts(), **arguments)
