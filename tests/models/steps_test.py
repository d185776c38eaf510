"""The steps: what they take, log and train, and what a subclass can make of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from twins_contract import check_twins

from keras_twins import augment, losses, models
from keras_twins.models import diagnostics
from keras_twins.models.pair_losses import batch_mean

SHAPE = (8, 8, 3)
ROWS = 24
VIEWS = np.random.default_rng(0).normal(size=(2, ROWS, *SHAPE)).astype("float32")
VIEW_A, VIEW_B = VIEWS[0], VIEWS[0] + 0.3 * VIEWS[1]
LABELS = np.arange(ROWS) % 3


def make_model(make=models.Twins, loss=None, **kwargs):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(12, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = make(encoder, models.projector(12, (16, 16)), **kwargs)
    model.compile(keras.optimizers.SGD(0.01), loss=loss or losses.HSICLoss())
    return model


def slices(data):
    return tf.data.Dataset.from_tensor_slices(data).batch(ROWS)


class Batches(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


def generator(batch):
    yield batch


PAIR = (VIEW_A, VIEW_B)
FORMS = {
    "arrays": lambda: PAIR,
    "list of arrays": lambda: list(PAIR),
    "dictionary of arrays": lambda: {"image": PAIR, "label": LABELS},
    "dataset": lambda: slices(PAIR),
    "dataset with labels": lambda: slices((PAIR, LABELS)),
    "dataset of dictionaries": lambda: slices({"image": PAIR, "label": LABELS}),
    "PyDataset": lambda: Batches(PAIR),
    "PyDataset with labels": lambda: Batches((PAIR, LABELS)),
    "generator": lambda: generator(PAIR),
    "generator of lists": lambda: generator([list(PAIR), LABELS]),
    "generator of dictionaries": lambda: generator({"image": PAIR}),
}


@pytest.fixture(scope="module")
def history():
    """What one step of `fit` logs for a plain pair, with a validation on the same."""
    return of_one_step(make_model(), *PAIR, batch_size=ROWS, validation_data=PAIR)


def of_one_step(model, *data, **kwargs):
    history = model.fit(*data, verbose=0, **kwargs).history
    assert all(len(values) == 1 for values in history.values())
    return {name: values[0] for name, values in history.items()}


@pytest.mark.parametrize("form", FORMS)
def test_fit_takes_pairs_in_every_form(form, history):
    size = {"batch_size": ROWS} if "arrays" in form else {}
    if "generator" in form:
        size = {"steps_per_epoch": 1, "validation_steps": 1}
    # Keras asks for a tuple of arrays there.
    validation = PAIR if "arrays" in form else FORMS[form]()
    found = of_one_step(make_model(), FORMS[form](), validation_data=validation, **size)
    assert found == pytest.approx(history, rel=1e-4)


def test_arrays_take_labels_beside_them(history):
    found = of_one_step(make_model(), PAIR, LABELS, batch_size=ROWS)
    assert found["loss"] == pytest.approx(history["loss"], rel=1e-4)


def test_steps_on_one_batch_are_those_of_fit(history):
    model = make_model()
    logs = model.train_on_batch(PAIR, LABELS, return_dict=True)
    assert logs == pytest.approx(
        {k: v for k, v in history.items() if not k.startswith("val_")}, rel=1e-4
    )
    logs = model.test_on_batch(*PAIR, return_dict=True)
    assert logs == pytest.approx(
        {k[4:]: v for k, v in history.items() if k.startswith("val_")}, rel=1e-4
    )
    assert model.train_on_batch(*PAIR)[0] == pytest.approx(logs["loss"], rel=0.5)
    np.testing.assert_allclose(
        model.predict_on_batch(VIEW_A), model.embed(VIEW_A), atol=1e-6
    )


def vicreg(z_a, z_b):
    """The six lines of a researcher."""
    invariance = ops.mean(ops.square(z_a - z_b))
    variance = sum(
        ops.mean(ops.relu(1.0 - ops.std(z, axis=0) - 1e-4)) for z in (z_a, z_b)
    )
    return 25.0 * invariance + 25.0 * variance


class VicReg(keras.losses.Loss):
    def call(self, z_a, z_b):
        return vicreg(z_a, z_b)


@pytest.mark.parametrize("loss", [vicreg, VicReg(), keras.losses.CosineSimilarity()])
def test_a_loss_without_terms_logs_the_loss_alone(loss):
    model = make_model(loss=loss)
    z = model(PAIR, training=False)
    logs = model.evaluate(*PAIR, batch_size=ROWS, verbose=0, return_dict=True)
    assert set(logs) == {"loss", *diagnostics.NAMES}
    assert logs["loss"] == pytest.approx(float(loss(*z)), rel=1e-4)
    before = model.trainable_variables[0].numpy()
    losses_ = model.fit(*PAIR, batch_size=ROWS, epochs=3, verbose=0).history["loss"]
    assert losses_[-1] < losses_[0]
    assert np.any(model.trainable_variables[0].numpy() != before)


def test_a_loss_that_sums_is_summed():
    loss = keras.losses.CosineSimilarity(reduction="sum")
    model = make_model(loss=loss)
    expected = float(loss(*model(PAIR, training=False)))
    logs = model.evaluate(*PAIR, batch_size=ROWS, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_terms_of_another_loss_replace_those_of_the_first():
    model = make_model()
    model.fit(*PAIR, batch_size=ROWS, verbose=0)
    model.compile("sgd", loss=vicreg)
    assert [m.name for m in model.metrics] == ["loss", *diagnostics.NAMES]


@keras.saving.register_keras_serializable("tests")
class Joint(models.Twins):
    """Another objective: the labels' cross-entropy beside the loss, with a probe."""

    term_names = ("on_diagonal", "off_diagonal", "cross_entropy")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.head = keras.layers.Dense(3)
        self.head.build((None, self.encoder.output_shape[-1]))
        self.accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")

    def batch_terms(self, pair, training):
        embeddings, terms = super().batch_terms(pair, training)
        logits = self.head(embeddings)
        entropy = batch_mean(
            keras.losses.sparse_categorical_crossentropy(
                pair.labels, logits, from_logits=True
            ),
            embeddings,
        )
        self.accuracy.update_state(pair.labels, logits)
        loss = terms["loss"] + 100.0 * entropy
        return embeddings, terms | {"loss": loss, "cross_entropy": entropy}


def test_a_subclass_trains_with_labels_and_logs_its_terms():
    model = make_model(Joint)
    history = model.fit(PAIR, LABELS, batch_size=ROWS, epochs=30, verbose=0).history
    assert set(history) == {
        *("loss", "on_diagonal", "off_diagonal", "cross_entropy"),
        *("embedding_std", "participation_ratio", "accuracy"),
    }
    first, last = (history["cross_entropy"][i] for i in (0, -1))
    assert last < 0.9 * first
    logs = model.evaluate(PAIR, LABELS, batch_size=ROWS, verbose=0, return_dict=True)
    expected = keras.losses.sparse_categorical_crossentropy(
        LABELS, model.head(model.encoder(VIEW_A)), from_logits=True
    )
    assert logs["cross_entropy"] == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_loss_draws_by_the_number_of_the_batch():
    loss = losses.SIGRegLoss(slices=8)
    model = make_model(loss=loss)
    model.optimizer.learning_rate = 0.0

    def expected(number, training):
        with losses.at_step(number):
            return float(loss(*model(PAIR, training=training)))

    trained = [model.train_on_batch(*PAIR)[0] for _ in range(2)]
    assert trained == pytest.approx([expected(0, True), expected(1, True)], rel=1e-4)
    assert abs(trained[0] - trained[1]) > 1e-3 * trained[0]
    tested = model.test_on_batch(*PAIR)[0]
    assert tested == pytest.approx(expected(-1, False), rel=1e-4)


def test_terms_that_nobody_named_are_refused():
    class Other(models.Twins):
        def batch_terms(self, pair, training):
            embeddings, terms = super().batch_terms(pair, training)
            return embeddings, terms | {"more": terms["loss"]}

    with pytest.raises(ValueError, match="`term_names` differ.*Received:.*more"):
        make_model(Other).train_on_batch(*PAIR)


@pytest.mark.parametrize("make", [models.Twins, Joint])
def test_the_contract(make, tmp_path):
    check_twins(lambda: make_model(make), (PAIR, LABELS), tmp_path)


def test_both_views_are_seen_in_training_mode():
    """Batch norm counts two batches a step: its moving mean knows of both views."""
    model = make_model()
    norm = model.encoder.layers[1]
    conv = model.encoder.layers[0]
    expected = np.zeros(12)
    for view in PAIR:
        expected = 0.99 * expected + 0.01 * np.mean(conv(view), axis=(0, 1, 2))
    model.train_on_batch(*PAIR)
    np.testing.assert_allclose(norm.moving_mean.numpy(), expected, atol=1e-6)
    model.test_on_batch(*PAIR)
    np.testing.assert_allclose(norm.moving_mean.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_embeddings_are_float32_under_every_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model()
        found = model.embed(VIEW_A)
        assert model.encoder(VIEW_A).dtype != tf.float32
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model.encoder(VIEW_A), atol=1e-3)


def test_the_saved_model_gives_the_embeddings_before_and_after_fit(tmp_path):
    model = make_model()
    for name in ("before", "after"):
        model.export(tmp_path / name, verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / name))
        for rows in (ROWS, 2):
            np.testing.assert_allclose(
                loaded.serve(VIEW_A[:rows]), model.embed(VIEW_A[:rows]), atol=1e-6
            )
        model.fit(*PAIR, batch_size=ROWS, verbose=0)


def test_a_views_layer_is_exported_with_the_model(tmp_path):
    spec = augment.preset("cifar10") | {"image_size": 8}
    model = make_model(views=augment.TwoViews(spec))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 12, 10, 3), np.uint8)
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    found = loaded.serve(pixels.astype("float32"))
    np.testing.assert_allclose(found, model.embed(pixels), atol=1e-6)
