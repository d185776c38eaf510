"""A third pass of mixed images: what is drawn, when, and what it trains."""

import keras
import numpy as np
import pytest
from keras import ops
from twins_contract import check_twins

from keras_twins import losses, models
from keras_twins.losses import at_step
from keras_twins.losses.mixed import mixed_terms

SHAPE, ROWS = (8, 8, 3), 24
VIEWS = np.random.default_rng(0).normal(size=(2, ROWS, *SHAPE)).astype("float32")
PAIR = (VIEWS[0], VIEWS[0] + 0.3 * VIEWS[1])


def make_model(**kwargs):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(12, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = models.MixedTwins(encoder, models.projector(12, (16, 16)), **kwargs)
    loss = losses.BarlowTwinsLoss(1 / 128, eps=0, ddof=1)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, jit_compile=False)
    return model


def mixing(model, step, rows=ROWS):
    with at_step(step):
        alpha, partners = model.mixing(rows)
    return float(alpha), ops.convert_to_numpy(partners)


def test_the_contract(tmp_path):
    check_twins(lambda: make_model(mixing_scale=2.0, seed=3), PAIR, tmp_path)


def test_a_batch_is_mixed_as_its_number_says():
    model = make_model(mixing_scale=3.0)
    alpha, partners = mixing(model, -1)
    mixed = alpha * PAIR[0] + (1.0 - alpha) * PAIR[1][partners]
    z = [model.projector(model.encoder(x)) for x in (*PAIR, mixed)]
    terms = mixed_terms(model.loss, *z, alpha, partners, 3.0)
    logs = model.test_on_batch(PAIR, return_dict=True)
    assert set(terms) <= set(logs)
    for name, value in terms.items():
        assert logs[name] == pytest.approx(float(ops.convert_to_numpy(value)), rel=1e-4)


def test_each_batch_has_a_share_and_partners_of_its_own():
    model, other = make_model(), make_model(seed=1)
    drawn = [mixing(model, step) for step in range(200)]
    shares = np.sort([alpha for alpha, _ in drawn])
    # Kolmogorov and Smirnov's distance from the uniform distribution, at 1 in 10,000.
    assert np.max(np.abs(shares - (np.arange(200) + 0.5) / 200)) < 2.2 / np.sqrt(200)
    partners = np.stack([partners for _, partners in drawn])
    np.testing.assert_array_equal(np.sort(partners, axis=1), [np.arange(ROWS)] * 200)
    assert len(np.unique(partners, axis=0)) == 200
    assert np.all(np.abs(partners.mean(axis=0) - (ROWS - 1) / 2) < 2.5)
    assert mixing(other, 0)[0] != drawn[0][0] == mixing(make_model(), 0)[0]


def test_a_model_from_a_file_goes_on_as_if_it_had_not_been_saved(tmp_path):
    model = make_model()
    model.train_on_batch(PAIR)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for _ in range(2):
        expected, found = (
            m.train_on_batch(PAIR, return_dict=True) for m in (model, loaded)
        )
        assert found["mixed"] == expected["mixed"]
    assert int(ops.convert_to_numpy(loaded.batches_seen)) == 3
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model()
        values = [model.train_on_batch(PAIR)[0] for _ in range(8)]
    finally:
        keras.config.set_dtype_policy("float32")
    assert values[-1] < values[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mixing_scale": -1.0}, r"number >= 0.*mixing_scale=-1\.0"),
        ({"momentum": 0.9}, r"no momentum.*Expected None.*momentum=0\.9"),
        ({"predictor": models.projector(16, (16,))}, "no predictor.*Expected None"),
    ],
)
def test_what_it_has_no_use_for_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_model(**arguments)
