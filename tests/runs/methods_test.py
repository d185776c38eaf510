"""The loss and the model of a configuration, and what does not go together."""

import keras
import numpy as np
import pytest

import keras_twins as kt
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.losses.mixed import mixed_levels, mixed_terms
from keras_twins.runs import config_check, methods, parts

BYOL = {
    **{"loss.name": "negative_cosine", "model.predictor": (8,)},
    **{"model.momentum": 0.9, "model.final_momentum": 1.0},
}


def configured(**changed):
    config = digits.get_config()
    config.encoder.widths, config.encoder.depths = (4,), (1,)
    config.projector = (8, 16)
    with config.unlocked():
        config.update_from_flattened_dict(changed)
    return config


def test_a_predictor_gives_what_the_projector_gives():
    model = parts.model(configured(**BYOL))
    assert [layer.units for layer in dense_layers(model.predictor)] == [8, 16]
    assert model.teacher.momentum == 0.9
    plain = parts.model(configured())
    assert plain.predictor is None and plain.teacher is None
    # A predictor is made last: it leaves what the seed gives the others.
    for one, other in zip(plain.encoder.weights, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def dense_layers(model):
    return [x for x in model.layers if isinstance(x, keras.layers.Dense)]


def test_the_momentum_is_a_cosine_to_the_final_one():
    found = methods.momentum(configured(**BYOL), 100)
    values = [float(found(step)) for step in (0, 50, 100, 200)]
    np.testing.assert_allclose(values, [0.9, 0.95, 1.0, 1.0], rtol=1e-6)
    assert methods.momentum(configured(**{"model.momentum": 0.9}), 100) == 0.9
    same = {"model.momentum": 0.9, "model.final_momentum": 0.9}
    assert methods.momentum(configured(**same), 100) == 0.9
    assert methods.momentum(configured(), 100) is None


def test_all_that_is_drawn_comes_from_the_seed_of_the_run():
    config = configured(**{"loss.name": "sigreg", "seed": 7})
    assert methods.loss(config).seed == 7
    mixed = configured(**{"model.name": "mixed_twins", "seed": 7})
    assert parts.model(mixed).seed == 7
    assert not hasattr(methods.loss(configured(seed=7)), "seed")


def test_a_run_of_an_earlier_version_has_twins():
    config = configured()
    with config.unlocked():
        del config["model"]
    assert type(parts.model(config)) is kt.models.Twins
    assert methods.described(config) == {}
    assert methods.reading(config)[0] == ("on_diagonal", "off_diagonal")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss.name": "negative_cosine"}, "loss.name=negative_cosine collapses with"),
        (
            {"loss.name": "negative_cosine", "model.momentum": 0.9},
            r"collapses without a predictor.*--config.model.predictor=\(512,\)",
        ),
        (
            {**BYOL, "loss.stop_gradient": False},
            "loss.stop_gradient=False: the targets of a predictor have no gradient",
        ),
        (
            {"model.name": "mixed_twins", "model.predictor": (8,)},
            r"model.predictor=\(8,\): the two sides of mixed_twins are alike",
        ),
        (
            {"model.name": "mixed_twins", "model.momentum": 0.5},
            "model.momentum=0.5: the two sides of mixed_twins are alike",
        ),
        (
            {"model.name": "mixed_twins", "loss.name": "vicreg"},
            "config.model.name: Mixed images need a loss of the cross-correlation",
        ),
        ({"model.final_momentum": 1.0}, "final_momentum=1: there is no --config.model"),
        (
            {"model.final_momentum": 1.0, "model.momentum": 0.0},
            "final_momentum=1: there is no --config.model.momentum above 0",
        ),
        ({"model.momentum": 1.5}, "model.momentum=1.5: expected a number from 0 to 1"),
        ({"model.momentum": -0.1}, "model.momentum=-0.1: expected a number from 0"),
        ({"model.final_momentum": 2.0}, "final_momentum=2.0: expected a number from"),
        ({"model.predictor": ()}, r"model.predictor=\(\): expected one or several"),
        ({"model.predictor": 8}, "model.predictor=8: expected one or several"),
        ({"model.name": "triplets"}, "model.name=triplets does not exist; .* mixed_tw"),
        ({"model.name": "builtins:dict"}, "--config.model: "),
        (
            {"model.name": f"{__name__}:not_twins"},
            "expected a keras_twins.models",
        ),
        ({"loss.name": "nt_xent", "batch_size": 1}, "batch_size=1: .* at least 2"),
    ],
)
def test_what_does_not_go_together_is_one_line(changed, message):
    config = configured(**changed)
    with pytest.raises(InputError, match=message) as raised:
        config_check.check(config)
        parts.model(config)
    assert "\n" not in str(raised.value)


def test_a_model_of_ones_own_is_made_of_the_same_parts():
    config = configured(**{"model.name": f"{__name__}:Own", "model.momentum": 0.9})
    model = parts.model(config)
    assert isinstance(model, Own) and model.teacher is not None
    methods.import_model(config)


class Own(kt.models.Twins):
    pass


def not_twins(encoder, projector, views):
    return encoder


def test_the_levels_of_mixed_images_are_what_unrelated_embeddings_give():
    rng = np.random.default_rng(0)
    loss, batch, width = kt.losses.BarlowTwinsLoss(1 / 128), 64, 48
    found = []
    for _ in range(200):
        z = rng.normal(size=(3, batch, width)).astype("float32")
        alpha, partners = np.float32(rng.uniform()), rng.permutation(batch)
        terms = mixed_terms(loss, *z, alpha, partners, 4.0)
        found.append([float(terms["loss"]), float(terms["mixed"])])
    levels = mixed_levels(loss, 4.0, batch, width)
    expected = [levels.unrelated, levels.terms["mixed"].unrelated]
    np.testing.assert_allclose(np.mean(found, axis=0), expected, rtol=0.05)


def test_the_terms_of_mixed_images_are_read():
    config = configured(**{"model.name": "mixed_twins"})
    names, levels = methods.reading(config)
    assert names == ("on_diagonal", "off_diagonal", "mixed")
    assert set(levels.terms) == set(names) and "4 λ" in levels.settings
