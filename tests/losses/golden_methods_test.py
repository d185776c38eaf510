"""The losses of other methods against their reference codes, on any backend."""

import pathlib

import numpy as np
import pytest
from derivatives import relative, value_and_gradients
from keras import ops

from keras_twins import losses

FOLDER = pathlib.Path(__file__).parent / "golden" / "methods"
CASES = ("n17_d65", "n64_d32")
TOLERANCE = 1e-5


def read(name, case):
    """Inputs, losses and gradients of a reference code, in double precision."""
    with np.load(FOLDER / f"{name}_{case}.npz") as file:
        return dict(file)


def tensor(array):
    return ops.convert_to_tensor(array, "float32")


class StoredSlices(losses.SIGRegLoss):
    def directions(self, width):
        return tensor(self.stored["slices"])


class StoredFeatures(losses.SSLHSICLoss):
    def random_features(self, width):
        return [
            (
                tensor(self.stored[f"rff_frequencies_{i}"].T),
                tensor(self.stored[f"rff_phases_{i}"][0]),
            )
            for i in (1, 2)
        ]


def with_stored(loss, stored):
    loss.stored = stored
    return loss


# Name of the file, prefix of its keys, the loss, and the names of the terms stored.
METHODS = {
    **{
        f"{name}-{form}": (
            name,
            "",
            lambda _, form=form: losses.VICRegLoss(form=form),
            {"invariance": "invariance", "variance": "variance"}
            | {"covariance": "covariance"},
        )
        for name in ("vicreg", "vicreg_hinge")
        for form in ("gram", "correlation", "auto")
    },
    **{
        f"frossl-{form}": (
            "frossl",
            "multiview_",
            lambda _, form=form: losses.FroSSLLoss(form=form),
            {},
        )
        for form in ("gram", "correlation", "auto")
    },
    "sigreg": ("lejepa", "", lambda s: with_stored(StoredSlices(), s), {}),
    "ssl_hsic": (
        "ssl_hsic",
        "exact_",
        lambda _: losses.SSLHSICLoss(),
        {"hsic_xy": "hsic_zy", "hsic_xx": "hsic_zz"},
    ),
    "ssl_hsic-features": (
        "ssl_hsic",
        "",
        lambda s: with_stored(StoredFeatures(kernel="random_features"), s),
        {"hsic_xy": "hsic_zy", "hsic_xx": "hsic_zz"},
    ),
    "simclr": ("others", "simclr_t0.2_", lambda _: losses.NTXentLoss(), {}),
    "dcl": ("others", "dcl_t0.1_", lambda _: losses.NTXentLoss(decoupled=True), {}),
    "simsiam": ("others", "simsiam_", lambda _: losses.NegativeCosineLoss(), {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", METHODS)
def test_value_and_gradients_of_the_reference_codes(method, case):
    name, prefix, make, terms = METHODS[method]
    stored = read(name, case)
    loss = make(stored)
    pair = np.float32(stored["z_a"]), np.float32(stored["z_b"])
    value, *gradients = value_and_gradients(loss, *pair)
    assert value == pytest.approx(float(stored[f"{prefix}loss"]), rel=TOLERANCE)
    for gradient, key in zip(gradients, ("grad_a", "grad_b"), strict=True):
        expected = stored[prefix + key]
        assert np.linalg.norm(gradient - expected) <= TOLERANCE * np.linalg.norm(
            expected
        )
    found = loss.terms(*pair)
    for key, term in terms.items():
        expected = float(stored[prefix + key])
        assert float(found[term]) == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("form", ["gram", "correlation"])
@pytest.mark.parametrize("case", CASES)
def test_frossl_of_three_views(case, form):
    stored = read("frossl", case)
    views = [np.float32(stored[f"z_{v}"]) for v in "abc"]
    loss = losses.FroSSLLoss(float(stored["three_view_invariance_weight"]), form)
    for one, other in ((0, 1), (1, 2)):

        def of_two(z, z_other, one=one, other=other):
            given = list(views)
            given[one], given[other] = z, z_other
            return loss.view_terms(given)["loss"]

        value, *gradients = value_and_gradients(of_two, views[one], views[other])
        assert value == pytest.approx(float(stored["three_view_loss"]), rel=TOLERANCE)
        for gradient, index in zip(gradients, (one, other), strict=True):
            expected = stored[f"three_view_grad_{'abc'[index]}"]
            assert relative(gradient, expected) < TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_the_older_frossl_of_two_views_is_that_of_centred_embeddings(case):
    stored = read("frossl", case)
    pair = [stored[f"z_{v}"] - stored[f"z_{v}"].mean(axis=0) for v in "ab"]
    value, *gradients = value_and_gradients(losses.FroSSLLoss(), *np.float32(pair))
    assert value == pytest.approx(float(stored["two_view_loss"]), rel=TOLERANCE)
    for gradient, key in zip(gradients, ("grad_a", "grad_b"), strict=True):
        through_the_mean = gradient - gradient.mean(axis=0)
        assert relative(through_the_mean, stored[f"two_view_{key}"]) < TOLERANCE


@pytest.mark.parametrize("form", ["gram", "correlation", "auto"])
@pytest.mark.parametrize("case", CASES)
def test_mixed_barlow_twins(case, form):
    """The whole loss, by each two of the three embeddings."""
    stored = read("mixed_barlow", case)
    views = {v: np.float32(stored[f"z_{v}"]) for v in "abm"}
    weight, scale = stored["redundancy_weight"], stored["mixup_loss_scale"]
    barlow_twins = losses.BarlowTwinsLoss(float(weight), eps=0.0, ddof=1)

    def regulariser(a, b, m):
        return losses.mixed_regulariser(
            a, b, m, float(stored["alpha"]), stored["index"].astype("int32"), form=form
        )

    mix = float(scale * weight) * float(regulariser(*views.values()))
    assert mix == pytest.approx(float(stored["loss_mix"]), rel=TOLERANCE)
    for pair in ("ab", "bm"):

        def loss(x, y, pair=pair):
            given = views | dict(zip(pair, (x, y), strict=True))
            mixed = float(scale * weight) * regulariser(*given.values())
            return barlow_twins(given["a"], given["b"]) + mixed

        value, *gradients = value_and_gradients(loss, *(views[v] for v in pair))
        assert value == pytest.approx(float(stored["loss"]), rel=TOLERANCE)
        for gradient, v in zip(gradients, pair, strict=True):
            assert relative(gradient, stored[f"grad_{v}"]) < TOLERANCE
