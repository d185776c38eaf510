"""The contract of a pair loss, held by ours and by one that a notebook would write."""

import keras
import numpy as np
import pytest
from contracts import check_pair_loss
from keras import ops

from keras_twins import losses


@keras.saving.register_keras_serializable(package="tests")
class VICReg(losses.PairLoss):
    term_names = ("invariance", "variance")

    def terms(self, z_a, z_b):
        invariance = ops.mean(ops.square(z_a - z_b))
        deviations = ops.concatenate([ops.std(z, axis=0) for z in (z_a, z_b)])
        variance = ops.mean(ops.relu(1.0 - deviations))
        loss = 25.0 * invariance + 25.0 * variance
        return {"loss": loss, "invariance": invariance, "variance": variance}


@pytest.mark.parametrize(
    "make_loss",
    [
        lambda: losses.BarlowTwinsLoss(0.1, eps=0.0, ddof=1, form="gram", name="bt"),
        lambda: losses.BarlowTwinsLoss(form="correlation"),
        lambda: losses.HSICLoss(0.1, eps=1e-3, name="hsic"),
        lambda: losses.VICRegLoss(1.0, 2.0, 80.0, eps=1e-3, form="gram", name="v"),
        lambda: losses.FroSSLLoss(1.4, form="gram", name="f"),
        lambda: losses.SIGRegLoss(0.02, slices=16, seed=3, name="s"),
        lambda: losses.SSLHSICLoss(2.0, kernel_scale=0.5, name="h"),
        lambda: losses.SSLHSICLoss(2.0, "random_features", 0.5, 40, seed=3, name="r"),
        lambda: losses.NTXentLoss(0.5, name="n"),
        lambda: losses.NTXentLoss(decoupled=True),
        lambda: losses.NegativeCosineLoss(stop_gradient=False, name="c"),
        VICReg,
    ],
    ids=[
        *("barlow_twins_gram", "barlow_twins_correlation", "hsic", "vicreg", "frossl"),
        *("sigreg", "ssl_hsic", "ssl_hsic_features", "nt_xent", "dcl", "cosine"),
        "notebook",
    ],
)
def test_the_contract(make_loss):
    check_pair_loss(make_loss)


def test_a_loss_of_a_notebook_needs_no_levels_and_gets_a_name():
    assert VICReg().levels(32, 8) is None
    assert VICReg().name.startswith("vic_reg")
    assert isinstance(VICReg(), keras.losses.Loss)


def test_a_loss_without_terms_says_so():
    class Nothing(losses.PairLoss):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no `terms`"):
        Nothing()(np.zeros((2, 2)), np.zeros((2, 2)))


LEVELS = {
    "barlow_twins": losses.BarlowTwinsLoss(0.02),
    "hsic": losses.HSICLoss(0.02),
    "vicreg": losses.VICRegLoss(covariance_weight=2.0),
    "frossl": losses.FroSSLLoss(1.4),
    "sigreg": losses.SIGRegLoss(0.1),
    "ssl_hsic": losses.SSLHSICLoss(2.0, kernel_scale=0.7),
    "ssl_hsic_features": losses.SSLHSICLoss(kernel="random_features", features=2048),
    "nt_xent": losses.NTXentLoss(),
    "dcl": losses.NTXentLoss(decoupled=True),
    "cosine": losses.NegativeCosineLoss(),
}


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize(("n", "width"), [(128, 64), (32, 128)])
def test_levels_are_those_of_random_and_of_equal_views(name, n, width, rng):
    views = rng.normal(size=(2, n, width))
    if name == "vicreg":  # Perfect views have deviations of 1 in the batch itself.
        views /= views.std(axis=1, keepdims=True)
    loss = LEVELS[name]
    levels = loss.levels(batch=n, width=width)
    unrelated, equal = loss.terms(*views), loss.terms(views[0], views[0])
    way = abs(levels.unrelated - levels.perfect)
    assert float(unrelated["loss"]) == pytest.approx(levels.unrelated, abs=0.1 * way)
    assert float(equal["loss"]) == pytest.approx(levels.perfect, abs=0.15 * way)
    for key, term in levels.terms.items():
        tolerance = 0.1 * max(term.perfect, term.unrelated)
        found = float(unrelated[key]), float(equal[key])
        assert found == pytest.approx((term.unrelated, term.perfect), abs=tolerance)


@pytest.mark.parametrize("name", ["frossl", "sigreg", "ssl_hsic", "ssl_hsic_features"])
def test_levels_of_four_views_are_those_of_random_and_of_equal_ones(name, rng):
    views = list(rng.normal(size=(4, 128, 64)))
    loss = LEVELS[name]
    levels = loss.levels(128, 64, 4)
    unrelated, equal = loss.view_terms(views), loss.view_terms(views[:1] * 4)
    way = abs(levels.unrelated - levels.perfect)
    assert float(unrelated["loss"]) == pytest.approx(levels.unrelated, abs=0.1 * way)
    assert float(equal["loss"]) == pytest.approx(levels.perfect, abs=0.15 * way)
    for key, term in levels.terms.items():
        tolerance = 0.1 * max(term.perfect, term.unrelated)
        found = float(unrelated[key]), float(equal[key])
        assert found == pytest.approx((term.unrelated, term.perfect), abs=tolerance)


@pytest.mark.parametrize("name", LEVELS)
def test_a_loss_refuses_more_views_than_it_takes(name, rng):
    loss, views = LEVELS[name], list(rng.normal(size=(3, 8, 4)))
    two = loss.terms(*views[:2])["loss"]
    assert float(loss.view_terms(views[:2])["loss"]) == pytest.approx(float(two))
    if loss.most_views is None:
        assert np.isfinite(float(loss.view_terms(views)["loss"]))
        return
    with pytest.raises(ValueError, match=r"compares two.*Expected.*Received: 3 views"):
        loss.view_terms(views)


@pytest.mark.parametrize("batch", [16, 256, 4096])
def test_redundancy_is_read_in_units_of_chance(batch):
    term = losses.HSICLoss().levels(batch, 64).terms["off_diagonal"]
    values = [times / batch**0.5 for times in (1.0, 1.4, 1.6, 2.9, 3.1)]
    found = [term.judge(value).level for value in values]
    assert found == ["good", "good", "note", "note", "warning"]
    assert "2.9 times the" in term.describe(values[3])


def test_invariance_is_read_towards_one():
    term = losses.HSICLoss().levels(64, 64).terms["on_diagonal"]
    found = [term.judge(value).level for value in (1.0, 0.81, 0.79, 0.51, 0.49, 0.0)]
    assert found == ["good", "good", "note", "note", "warning", "warning"]


@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
def test_the_way_of_a_loss_is_its_share_of_the_width(loss_class):
    levels = loss_class(0.01).levels(batch=64, width=512)
    assert levels.settings == "λ = 0.01"
    assert levels.unrelated - levels.perfect == pytest.approx(512)
    assert levels.way(levels.perfect + 128) == pytest.approx(0.75)
    assert levels.way(levels.unrelated + 128) == pytest.approx(-0.25)
