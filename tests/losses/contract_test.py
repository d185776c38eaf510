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
        VICReg,
    ],
    ids=["barlow_twins_gram", "barlow_twins_correlation", "hsic", "notebook"],
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


@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
@pytest.mark.parametrize(("n", "width"), [(128, 64), (32, 128)])
def test_levels_are_those_of_random_and_of_equal_views(loss_class, n, width, rng):
    views = rng.normal(size=(2, n, width))
    loss = loss_class(0.02)
    levels = loss.levels(batch=n, width=width)
    unrelated, equal = loss.terms(*views), loss.terms(views[0], views[0])
    assert float(unrelated["loss"]) == pytest.approx(levels.unrelated, rel=0.1)
    assert float(equal["loss"]) == pytest.approx(levels.perfect, rel=0.15)
    for name, term in levels.terms.items():
        tolerance = 0.1 * max(term.perfect, term.unrelated)
        found = float(unrelated[name]), float(equal[name])
        assert found == pytest.approx((term.unrelated, term.perfect), abs=tolerance)


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
