"""The losses against the reference codes, on whichever backend Keras runs."""

import numpy as np
import pytest
from derivatives import relative, value_and_gradients

from keras_twins import losses

CONVENTIONS = {
    "barlow_official": (losses.BarlowTwinsLoss, {"ddof": 0, "eps": 1e-5}),
    "barlow_authors": (losses.BarlowTwinsLoss, {"ddof": 1, "eps": 0}),
    "hsic_authors": (losses.HSICLoss, {"ddof": 1, "eps": 0}),
}
FORMS = ("gram", "correlation", "auto")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CONVENTIONS)
def test_value_and_gradients_of_the_reference_codes(golden, name, form):
    loss_class, convention = CONVENTIONS[name]
    weight = float(golden["redundancy_weight"])
    loss = loss_class(redundancy_weight=weight, form=form, **convention)
    pair = (golden["z_a"].astype("float32"), golden["z_b"].astype("float32"))
    value, grad_a, grad_b = value_and_gradients(loss, *pair)
    assert value == pytest.approx(float(golden[f"{name}_loss"]), rel=1e-4)
    assert relative(grad_a, golden[f"{name}_grad_a"]) < 1e-4
    assert relative(grad_b, golden[f"{name}_grad_b"]) < 1e-4


@pytest.mark.parametrize("shape", [(7, 33), (33, 7), (16, 16), (2, 3), (65, 130)])
@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
def test_forms_agree(loss_class, shape, rng):
    z_a = rng.normal(size=shape).astype("float32")
    z_b = (z_a + 0.5 * rng.normal(size=shape)).astype("float32")
    z_a[:, 1] = z_b[:, 1] = 0.3  # a feature of zero variance
    gram, *gram_grads = value_and_gradients(loss_class(form="gram"), z_a, z_b)
    full, *full_grads = value_and_gradients(loss_class(form="correlation"), z_a, z_b)
    assert gram == pytest.approx(full, rel=1e-4)
    for found, expected in zip(gram_grads, full_grads, strict=True):
        # A gradient in exact arithmetic may be all but zero, as of two samples.
        scale = np.linalg.norm(expected) + 1e-4
        assert np.linalg.norm(found - expected) < 1e-4 * scale + 1e-6
