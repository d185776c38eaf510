"""Predictor and teacher: what is compared, what is trained, and what follows what."""

import keras
import numpy as np
import pytest
from derivatives import value_and_gradients
from keras import ops
from twins_contract import check_twins

from keras_twins import losses, models
from keras_twins.models.pair_losses import both_ways

SHAPE, ROWS, WIDTH = (8, 8, 3), 24, 16
VIEWS = np.random.default_rng(0).normal(size=(2, ROWS, *SHAPE)).astype("float32")
PAIR = (VIEWS[0], VIEWS[0] + 0.3 * VIEWS[1])
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.8, 4, alpha=1 / 0.8)


def make_encoder():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(12, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def make_predictor():
    return models.projector(WIDTH, (8, WIDTH))


def make_model(predictor=False, momentum=None, optimizer=None, graph=False):
    """A model whose steps run one by one, which is sooner for a few than a graph."""
    keras.utils.set_random_seed(0)
    model = models.Twins(
        make_encoder(),
        models.projector(12, (WIDTH, WIDTH)),
        predictor=make_predictor() if predictor else None,
        momentum=momentum,
    )
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    model.compile(
        optimizer, loss=losses.HSICLoss(), run_eagerly=not graph, jit_compile=False
    )
    return model


def values(variables):
    return [ops.convert_to_numpy(v) for v in variables]


def averaged(model):
    """The teacher's weights that are averages, and the student's."""
    pairs = [*model.teacher.pairs(model.encoder, model.projector)]
    return values(p[0] for p in pairs), values(p[1] for p in pairs)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("predictor", "momentum"), [(1, None), (0, 0.9), (1, 0.9)])
def test_the_contract(predictor, momentum, tmp_path):
    check_twins(lambda: make_model(predictor, momentum, graph=True), PAIR, tmp_path)


@pytest.mark.parametrize(("predictor", "momentum"), [(1, None), (0, 0.9)])
def test_the_terms_are_the_means_of_both_directions(predictor, momentum):
    model = make_model(predictor, momentum)
    model.train_on_batch(PAIR)
    online = targets = model(PAIR, training=False)
    if predictor:
        online = [model.predictor(z, training=False) for z in online]
    if momentum:
        targets = [model.teacher(view, training=False) for view in PAIR]
        assert np.any(values(targets)[0] != values(model(PAIR))[0])
    terms = [
        model.loss.terms(online[0], targets[1]),
        model.loss.terms(online[1], targets[0]),
    ]
    logs = model.test_on_batch(PAIR, return_dict=True)
    for name in ("loss", "on_diagonal", "off_diagonal"):
        mean = np.mean([float(ops.convert_to_numpy(t[name])) for t in terms])
        assert logs[name] == pytest.approx(mean, rel=1e-5)


def test_no_gradient_passes_a_target(rng):
    z = rng.normal(size=(4, 20, 6)).astype("float32")
    loss = losses.BarlowTwinsLoss()

    def of_targets(t_a, t_b):
        value = both_ways(loss, (z[0], z[1]), (t_a, t_b))["loss"]
        return value + ops.sum(t_a) + ops.sum(t_b)

    def of_online(p_a, p_b):
        targets = [ops.convert_to_tensor(t) for t in z[2:]]
        return both_ways(loss, (p_a, p_b), targets)["loss"]

    _, *gradients = value_and_gradients(of_targets, z[2], z[3])
    np.testing.assert_array_equal(gradients, np.ones((2, 20, 6)))  # of the sums
    _, *gradients = value_and_gradients(of_online, z[0], z[1])
    for found, pair in zip(gradients, ((z[0], z[3]), (z[1], z[2])), strict=True):
        _, expected, of_target = value_and_gradients(loss, *pair)
        assert np.any(of_target)
        np.testing.assert_allclose(found, 0.5 * expected, rtol=1e-5)


@pytest.mark.parametrize(("predictor", "momentum"), [(1, None), (1, 0.9)])
def test_a_step_follows_the_gradient_of_the_online_side_alone(predictor, momentum):
    """Of SGD, measured by a difference of losses with targets that stay as they are."""
    model = make_model(predictor, momentum, keras.optimizers.SGD(0.01))
    before = values(model.trainable_variables)
    targets = model(PAIR, training=True)
    model.train_on_batch(PAIR)
    after = values(model.trainable_variables)
    slope = sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True)) / 0.01

    def loss_at(way):
        for w, b, a in zip(model.trainable_variables, before, after, strict=True):
            w.assign(b + way * (a - b))
        online = [model.predictor(z, training=True) for z in model(PAIR, training=True)]
        return float(
            ops.convert_to_numpy(both_ways(model.loss, online, targets)["loss"])
        )

    assert loss_at(-0.02) - loss_at(0.02) == pytest.approx(0.04 * slope, rel=0.02)


def test_the_teacher_begins_as_the_student_and_follows_it_by_the_schedule():
    model = make_model(True, SCHEDULE, graph=True)
    teacher, student = averaged(model)
    assert_same(teacher, student)
    for step in range(6):
        model.train_on_batch(PAIR)
        _, student = averaged(model)
        momentum = 1.0 - 0.2 * (0.5 + 0.5 * np.cos(np.pi * min(step, 4) / 4))
        teacher = [
            momentum * t + (1.0 - momentum) * s
            for t, s in zip(teacher, student, strict=True)
        ]
        found, _ = averaged(model)
        for one, other in zip(found, teacher, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert len(teacher) == len(values(model.encoder.trainable_variables)) + len(
        values(model.projector.trainable_variables)
    )


@pytest.mark.parametrize("momentum", [0, 1.0])
def test_a_momentum_of_one_keeps_the_teacher_and_of_zero_the_student(momentum):
    model = make_model(momentum=momentum)
    beginning, _ = averaged(model)
    for _ in range(2):
        model.train_on_batch(PAIR)
    teacher, student = averaged(model)
    for one, first, last in zip(teacher, beginning, student, strict=True):
        assert np.any(first != last)
        np.testing.assert_allclose(one, first if momentum else last, atol=1e-7)


def test_the_teachers_batch_norm_knows_the_views_as_the_teacher_saw_them():
    """As in the codes of BYOL: training mode, and statistics of its own passes."""
    model = make_model(momentum=0.5, optimizer=keras.optimizers.SGD(1.0))
    conv, norm = model.teacher.encoder.layers[:2]
    expected = np.zeros(12)
    for _ in range(2):
        for outputs in values(conv(view) for view in PAIR):
            expected = 0.99 * expected + 0.01 * np.mean(outputs, axis=(0, 1, 2))
        model.train_on_batch(PAIR)
    found, other = values([norm.moving_mean, model.encoder.layers[1].moving_mean])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert np.max(np.abs(found - other)) > 1e-3 * np.max(np.abs(found))


def test_the_teacher_waits_for_gradients_that_are_accumulated():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)
    model = make_model(momentum=0.5, optimizer=optimizer, graph=True)
    beginning, _ = averaged(model)
    for _ in range(2):
        model.train_on_batch(PAIR)
        assert_same(averaged(model)[0], beginning)
    model.train_on_batch(PAIR)
    teacher, student = averaged(model)
    for one, first, last in zip(teacher, beginning, student, strict=True):
        np.testing.assert_allclose(one, 0.5 * (first + last), rtol=1e-5, atol=1e-7)


def test_the_teacher_takes_no_step_that_the_optimizer_does_not_take():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model(True, 0.5, graph=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    for _ in range(4):  # of which the first overflow
        model.train_on_batch(PAIR)
    before, student = averaged(model)
    assert any(np.any(t != s) for t, s in zip(before, student, strict=True))
    model.train_on_batch((np.full_like(PAIR[0], np.inf), PAIR[1]))
    assert_same(averaged(model)[0], before)


def test_the_teacher_stays_untrainable_and_the_student_does_not():
    model = make_model(momentum=0.5)
    trainable = len(model.trainable_variables)
    assert trainable == len(model.encoder.trainable_variables) + len(
        model.projector.trainable_variables
    )
    model.trainable = False
    assert model.trainable_variables == []
    model.trainable = True
    assert len(model.trainable_variables) == trainable


def test_a_model_from_a_file_goes_on_as_if_it_had_not_been_saved(tmp_path):
    model = make_model(True, SCHEDULE)
    for _ in range(2):
        model.train_on_batch(PAIR)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        for _ in range(2):
            one.train_on_batch(PAIR)
    assert_same(values(loaded.weights), values(model.weights))
    assert_same(values(loaded.optimizer.variables), values(model.optimizer.variables))
    found, expected = (m.teacher.encoder(PAIR[0]) for m in (loaded, model))
    assert_same(values([found]), values([expected]))
    assert np.any(values([expected])[0] != model.embed(PAIR[0]))


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        (models.projector(8, (WIDTH,)), r"width 16.*input_shape=\(None, 8\)"),
        (models.projector(WIDTH, (8,)), r"width 16.*output_shape=\(None, 8\)"),
        (keras.Sequential([keras.layers.Dense(WIDTH)]), "predictor has no weights"),
    ],
)
def test_a_predictor_that_does_not_fit_is_refused(predictor, message):
    with pytest.raises(ValueError, match=rf"{message}"):
        models.Twins(
            make_encoder(), models.projector(12, (WIDTH,)), predictor=predictor
        )


@pytest.mark.parametrize(
    "momentum",
    [
        *(-0.1, 1.01, float("nan"), True, "0.99"),
        keras.optimizers.schedules.CosineDecay(0.99, 100, alpha=1.1),
        keras.optimizers.schedules.PolynomialDecay(0.99, 1000, -0.1),
    ],
)
def test_momentum_outside_its_range_is_refused(momentum):
    with pytest.raises(ValueError, match=r"number in 0\.\.1.*Received: momentum="):
        make_model(momentum=momentum)
