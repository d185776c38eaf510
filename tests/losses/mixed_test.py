"""The regulariser of Mixed Barlow Twins against its formula and its authors' code."""

import pathlib

import numpy as np
import pytest
from derivatives import relative, value_and_gradients

from keras_twins import losses
from keras_twins.losses.mixed import mixed_terms

FOLDER = pathlib.Path(__file__).parent / "golden" / "methods"
FORMS = ("gram", "correlation", "auto")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["n17_d65", "n64_d32"])
def test_value_and_gradients_of_the_authors_code(case, form):
    with np.load(FOLDER / f"mixed_barlow_{case}.npz") as file:
        golden = dict(file)
    weight, scale = (
        float(golden[k]) for k in ("redundancy_weight", "mixup_loss_scale")
    )
    loss = losses.BarlowTwinsLoss(weight, eps=0, ddof=1, form=form)
    mixing = (np.float32(golden["alpha"]), golden["index"], scale)

    def terms(pair, z_m):
        return mixed_terms(loss, pair[0], pair[1], z_m, *mixing)

    pair = np.stack([golden["z_a"], golden["z_b"]]).astype("float32")
    z_m = golden["z_m"].astype("float32")
    value, of_pair, of_m = value_and_gradients(lambda *z: terms(*z)["loss"], pair, z_m)
    assert value == pytest.approx(float(golden["loss"]), rel=1e-5)
    mixed = float(terms(pair, z_m)["mixed"])
    assert scale * weight * mixed == pytest.approx(float(golden["loss_mix"]), rel=1e-5)
    for name, found in zip("abm", (*of_pair, of_m), strict=True):
        assert relative(found, golden[f"grad_{name}"]) < 1e-5


@pytest.mark.parametrize("shape", [(7, 33), (33, 7)])
@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
def test_the_other_terms_are_the_losses_own(loss_class, shape, rng):
    z_a, z_b, z_m = rng.normal(size=(3, *shape)).astype("float32")
    loss = loss_class(0.1)
    own = loss.terms(z_a, z_b)
    found = mixed_terms(loss, z_a, z_b, z_m, 0.3, rng.permutation(shape[0]), 2.0)
    regulariser = 2.0 * 0.1 * float(found["mixed"])
    assert float(found["loss"]) == pytest.approx(
        float(own["loss"]) + regulariser, rel=1e-5
    )
    for name in loss.term_names:
        assert float(found[name]) == pytest.approx(float(own[name]), rel=1e-4)


@pytest.mark.parametrize("shape", [(7, 33), (33, 7)])
def test_embeddings_that_mix_as_images_do_cost_nothing(shape, rng):
    """Images that are mixed with themselves, in this case."""
    z = rng.normal(size=shape).astype("float32")
    loss = losses.BarlowTwinsLoss()
    themselves, others = np.arange(len(z)), np.roll(np.arange(len(z)), 1)
    assert float(mixed_terms(loss, z, z, z, 0.4, themselves, 1.0)["mixed"]) < 1e-10
    assert float(mixed_terms(loss, z, z, z, 0.4, others, 1.0)["mixed"]) > 1.0


def test_a_loss_without_features_to_share_is_refused(rng):
    z = rng.normal(size=(8, 4)).astype("float32")
    with pytest.raises(ValueError, match=r"cross-correlation.*Received: loss=.*VICReg"):
        mixed_terms(losses.VICRegLoss(), z, z, z, 0.5, np.arange(8), 4.0)
    with pytest.raises(ValueError, match="matrices of one shape"):
        mixed_terms(losses.HSICLoss(), z, z, z[:, :3], 0.5, np.arange(8), 4.0)
