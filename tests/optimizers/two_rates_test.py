"""Two optimizers for one model."""

import keras
import numpy as np
import pytest

import keras_twins as kt

MAKERS = {
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "lars": lambda rate: kt.optimizers.LARS(rate, weight_decay=0.1),
}


def weights():
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.normal(size=(3, 2)).astype("float32")) for _ in range(3)]


def steps(optimizer, variables, count=3):
    optimizer.build(variables)
    rng = np.random.default_rng(1)
    for _ in range(count):
        gradients = [rng.normal(size=(3, 2)).astype("float32") for _ in range(3)]
        chosen = gradients[:1] if len(variables) == 1 else gradients[-len(variables) :]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in chosen], variables)
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


@pytest.mark.parametrize("name", MAKERS)
def test_each_part_moves_as_under_its_own_optimizer(name):
    make = MAKERS[name]
    first, *rest = weights()
    expected = steps(make(0.01), [first]) + steps(make(0.1), rest)
    found = steps(kt.optimizers.TwoRates(make(0.01), make(0.1), 1), weights())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_counts_and_says_the_rate_as_the_rest_does():
    optimizer = kt.optimizers.TwoRates(MAKERS["sgd"](0.01), MAKERS["sgd"](0.1), 1)
    steps(optimizer, weights())
    assert int(optimizer.iterations) == 3
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    inner = len(optimizer.first.variables) + len(optimizer.rest.variables)
    assert len(optimizer.variables) == inner


def test_a_saved_model_goes_on_with_both(tmp_path):
    encoder = kt.models.residual_encoder((8, 8, 3), "small", (4,), (1,))
    model = kt.models.Twins(encoder, kt.models.projector(4, (8, 8)))
    count = len(encoder.trainable_variables)
    optimizer = kt.optimizers.TwoRates(
        MAKERS["lars"](0.01), MAKERS["adamw"](0.1), count
    )
    model.compile(optimizer, loss=kt.losses.BarlowTwinsLoss())
    pairs = np.random.default_rng(0).normal(size=(2, 16, 8, 8, 3)).astype("float32")
    model.fit(tuple(pairs), batch_size=8, epochs=1, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(tuple(pairs), batch_size=8, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_count_below_zero_is_refused():
    with pytest.raises(ValueError, match="Expected 0 or more. Received: count=-1"):
        kt.optimizers.TwoRates(MAKERS["sgd"](0.1), MAKERS["sgd"](0.1), -1)
