"""A model that makes the views: their keys, their fit, and what it says of pixels."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins import augment, keys, losses, models
from keras_twins.runs import checkpoints

SIZE, ROWS = 8, 4
PIXELS = np.random.default_rng(0).integers(0, 256, (4 * ROWS, 12, 12, 3), np.uint8)
seen: list[tuple[int, ...]] = []


@keras.saving.register_keras_serializable("tests")
class Watched(keras.layers.Layer):
    """Views that are cuts of the images; the keys of each batch go into `seen`."""

    def call(self, images, keys=None, training=True):
        images = tf.cast(images, tf.float32)
        if keys is not None:

            def note(found):
                seen.append(tuple(found.tolist()))
                return found

            keys = tf.numpy_function(note, [keys], tf.int64)
            images += 0.0 * tf.cast(tf.reduce_sum(keys), tf.float32)
        return images[:, :SIZE, :SIZE], images[:, -SIZE:, -SIZE:]


@pytest.fixture(autouse=True)
def nothing_seen():
    seen.clear()


def make_model(views=None, optimizer="sgd", sides=(SIZE, SIZE, 3), **kwargs):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input(sides),
            keras.layers.Conv2D(6, 3, strides=2),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = models.Twins(encoder, models.projector(6, (8,)), views=views or Watched())
    model.compile(optimizer, loss=losses.HSICLoss(), **kwargs)
    return model


def dataset(batches=4):
    return tf.data.Dataset.from_tensor_slices(PIXELS[: batches * ROWS]).batch(ROWS)


def expected(*steps):
    return [tuple(keys.row_keys(tf.constant(s, tf.int64), ROWS).numpy()) for s in steps]


def test_every_micro_batch_has_views_of_its_own():
    optimizer = keras.optimizers.SGD(0.01, gradient_accumulation_steps=4)
    model = make_model(optimizer=optimizer)
    model.fit(dataset(), epochs=2, verbose=0)
    assert seen == expected(*range(8))
    assert int(model.batches_seen.numpy()) == 8


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_in_one_execution_have_views_of_their_own():
    unknown = dataset().filter(lambda _: True)  # of unknown length
    make_model(steps_per_execution=3).fit(unknown, epochs=2, verbose=0)
    assert seen == expected(*range(8))


def test_no_views_come_again_in_another_compile_or_from_a_file(tmp_path):
    model = make_model()
    model.fit(dataset(2), verbose=0)
    model.compile("sgd", loss=losses.HSICLoss())  # whose iterations begin at 0
    model.fit(dataset(2), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.fit(dataset(1), verbose=0)
    model.optimizer.build(model.trainable_variables)
    checkpoints.save(loaded, tmp_path, checkpoints.Position(0, 5), keep=1)
    resumed = make_model()
    resumed.optimizer.build(resumed.trainable_variables)
    checkpoints.restore(resumed, tmp_path)
    resumed.train_on_batch(PIXELS[:ROWS])
    assert seen == expected(*range(6))


def test_test_steps_share_no_views_with_training_steps():
    model = make_model()
    model.fit(dataset(2), validation_data=dataset(1), epochs=2, verbose=0)
    assert seen == expected(0, 1, -1, 2, 3, -1)
    model.test_on_batch(PIXELS[:ROWS])
    assert seen[-1] == expected(-1)[0]
    assert not {key for batch in expected(-1) for key in batch} & set(range(10**6))


@pytest.mark.parametrize(
    "data",
    [
        lambda: PIXELS,
        lambda: (PIXELS, np.arange(16)),
        lambda: {"image": PIXELS, "label": np.arange(16)},
        lambda: tf.data.Dataset.from_tensors({"image": PIXELS, "id": ["a"] * 16}),
        lambda: (batch for batch in [{"image": PIXELS, "label": np.arange(16)}]),
    ],
)
def test_fit_takes_images_in_every_form(data):
    model = make_model()
    data = data()
    size = {} if hasattr(data, "take") or hasattr(data, "send") else {"batch_size": 16}
    steps = {"steps_per_epoch": 1} if hasattr(data, "send") else {}
    logs = model.fit(data, verbose=0, shuffle=False, **size, **steps).history
    again = make_model().train_on_batch(PIXELS, return_dict=True)
    assert logs["loss"] == [pytest.approx(again["loss"], rel=1e-4)]


def test_labels_reach_batch_terms_beside_the_views():
    found = []

    class Other(models.Twins):
        def batch_terms(self, pair, training):
            found.append((tuple(pair.view_a.shape), np.asarray(pair.labels), training))
            return super().batch_terms(pair, training)

    model = make_model()
    other = Other(model.encoder, model.projector, views=Watched())
    other.compile("sgd", loss=losses.HSICLoss(), run_eagerly=True)
    labels = np.arange(ROWS)
    other.train_on_batch(PIXELS[:ROWS], labels)
    other.test_on_batch({"image": PIXELS[:ROWS], "label": labels})
    for (shape, received, training), expected_training in zip(
        found, (True, False), strict=True
    ):
        assert shape == (ROWS, SIZE, SIZE, 3)
        np.testing.assert_array_equal(received, labels)
        assert training is expected_training


def test_views_that_the_encoder_does_not_take_are_refused():
    spec = augment.preset("cifar10") | {"image_size": SIZE}
    views = augment.TwoViews(spec)
    assert make_model(views).views is views
    assert make_model(views, sides=(None, None, 3)).views is views
    for sides in ((SIZE + 1, SIZE, 3), (SIZE, SIZE, 1)):
        with pytest.raises(ValueError, match=r"views do not fit.*\(1, 8, 8, 3\)"):
            make_model(views, sides=sides)


def warned(act):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        act()
    return [str(w.message) for w in found if "values between" in str(w.message)]


UNIT = (PIXELS / 255.0).astype("float32")


@pytest.mark.parametrize(
    ("act", "times"),
    [
        (lambda model: model.fit(UNIT, verbose=0), 1),
        (lambda model: model.fit((UNIT, np.arange(16)), verbose=0), 1),
        (lambda model: model.fit(floats(UNIT), epochs=2, verbose=0), 1),
        (lambda model: model.fit(iter_of(UNIT), verbose=0, steps_per_epoch=1), 1),
        (lambda model: model.embed(UNIT), 1),
        (lambda model: model.embed(floats(UNIT)), 1),
        (lambda model: model.views(UNIT), 1),
        (lambda model: model.fit(0 * UNIT, verbose=0), 0),
        (lambda model: model.fit(np.round(UNIT), verbose=0), 0),
        (lambda model: model.embed(PIXELS), 0),
    ],
)
def test_pixels_in_the_unit_range_are_told_once(act, times):
    spec = augment.preset("cifar10") | {"image_size": SIZE}
    model = make_model(augment.TwoViews(spec))
    found = warned(lambda: act(model))
    assert len(found) == times
    assert all(
        "pass 255 * images, or make the layer with value_range" in w for w in found
    )
    model = make_model(augment.TwoViews(spec, value_range=(0, 1)))
    assert warned(lambda: act(model)) == []


def test_pixels_far_from_their_range_are_refused():
    spec = augment.preset("cifar10") | {"image_size": SIZE}
    model = make_model(augment.TwoViews(spec))
    assert warned(lambda: model.fit(255 * UNIT, verbose=0)) == []
    with pytest.raises(ValueError, match=r"pixels.*Expected values in 0\.\.255"):
        model.embed(2 * UNIT - 1)
    model = make_model(augment.TwoViews(spec, value_range=(0, 1)))
    with pytest.raises(ValueError, match=r"pixels.*Expected values in 0\.\.1"):
        model.fit(255 * UNIT, verbose=0)


def floats(images):
    return tf.data.Dataset.from_tensor_slices(images).batch(ROWS)


def iter_of(batch):
    yield batch


def test_a_first_look_takes_no_batch_away():
    model = make_model(run_eagerly=True)
    batches = (255 * UNIT[i : i + ROWS] for i in range(0, 16, ROWS))
    model.fit(batches, steps_per_epoch=4, verbose=0)
    assert seen == expected(0, 1, 2, 3)
