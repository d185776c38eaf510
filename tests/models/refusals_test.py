"""What `compile` and `fit` refuse with one line, before anything has changed."""

import keras
import numpy as np
import pytest

from keras_twins import losses, models

SHAPE = (8, 8, 3)
PAIR = tuple(np.random.default_rng(0).normal(size=(2, 12, *SHAPE)).astype("float32"))
LABELS = np.arange(12)


def make_encoder():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(6, 3, strides=2),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def make_model(make=models.Twins):
    return make(make_encoder(), models.projector(6, (8,)))


@pytest.mark.parametrize(
    "loss",
    [
        None,
        "mse",
        ["mse"],
        [losses.HSICLoss()],
        {"out": losses.HSICLoss()},
        losses.HSICLoss,
        3,
    ],
)
def test_compile_refuses_what_is_not_one_loss(loss):
    model = make_model()
    with pytest.raises(ValueError, match="argument `loss`.*Received: loss=") as error:
        model.compile("adam", loss=loss)
    assert "\n" not in str(error.value)
    assert not model.compiled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_weights", [1.0]),
        ("metrics", ["accuracy"]),
        ("weighted_metrics", [keras.metrics.Mean()]),
    ],
)
def test_compile_refuses_what_no_step_looks_at(name, value):
    model = make_model()
    with pytest.raises(ValueError, match=f"`{name}` has no effect.*Expected None"):
        model.compile("adam", loss=losses.HSICLoss(), **{name: value})
    assert not model.compiled


@pytest.mark.parametrize("name", ["compute_loss", "compute_metrics"])
def test_compile_refuses_a_subclass_with_what_no_step_calls(name):
    other = type("Other", (models.Twins,), {name: lambda self, *args, **kwargs: None})
    model = make_model(other)
    with pytest.raises(ValueError, match=rf"overrides `batch_terms`.*Other\.{name}"):
        model.compile("adam", loss=losses.HSICLoss())


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit(PAIR, sample_weight=LABELS, verbose=0),
        lambda model: model.fit(PAIR, LABELS, class_weight={0: 2.0}, verbose=0),
        lambda model: model.fit(PAIR, LABELS, 4, 1, 0, None, 0, None, True, {0: 2.0}),
        lambda model: model.evaluate(PAIR, sample_weight=LABELS, verbose=0),
        lambda model: model.train_on_batch(*PAIR, sample_weight=LABELS),
        lambda model: model.train_on_batch(PAIR, LABELS, class_weight={0: 2.0}),
        lambda model: model.test_on_batch(PAIR, LABELS, LABELS),
    ],
)
def test_weights_of_samples_and_classes_are_refused(call):
    model = make_model()
    model.compile("adam", loss=losses.HSICLoss())
    with pytest.raises(ValueError, match=r"`(sample|class)_weight` has no effect"):
        call(model)


def test_sample_weights_of_a_dataset_are_refused():
    model = make_model()
    model.compile("adam", loss=losses.HSICLoss())
    with pytest.raises(ValueError, match="Sample weights have no meaning here"):
        model.fit(iter_of((PAIR, LABELS, LABELS)), verbose=0)


def iter_of(batch):
    yield batch


def branches(inputs, outputs):
    ins = [keras.Input(SHAPE) for _ in range(inputs)]
    x = keras.layers.concatenate(ins) if inputs > 1 else ins[0]
    x = keras.layers.GlobalAveragePooling2D()(x)
    outs = [keras.layers.Dense(6)(x) for _ in range(outputs)]
    return keras.Model(ins if inputs > 1 else ins[0], outs if outputs > 1 else outs[0])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(6)
        self.pool = keras.layers.GlobalAveragePooling2D()

    def call(self, images):
        return self.dense(self.pool(images))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: branches(2, 1), r"encoder has several inputs.*\(None, 8, 8, 3\)\]"),
        (lambda: branches(1, 2), "encoder has several outputs.*Received"),
        (subclassed, r"encoder has no `input_shape`.*keras.Model\(inputs, outputs\)"),
        (
            lambda: keras.Sequential([keras.layers.Dense(6)]),
            "encoder has no weights yet",
        ),
        (
            lambda: keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(6, 3)]),
            "one flat embedding.*Received",
        ),
        (lambda: branches(1, 1), None),
    ],
)
def test_encoders_that_cannot_be_trained_are_refused(encoder, message):
    if message is None:
        assert models.Twins(encoder(), models.projector(6, (8,))).built
        return
    with pytest.raises(ValueError, match=message) as error:
        models.Twins(encoder(), models.projector(6, (8,)))
    assert "\n" not in str(error.value)


def test_a_projector_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"Expected an input of width 6.*Received"):
        models.Twins(make_encoder(), models.projector(10, (4,)))
