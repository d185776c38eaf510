"""The methods that are compared, and two that take away what a method needs."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

import keras_twins as kt
from keras_twins import losses, models


class Maximised(losses.PairLoss):
    """`−‖C‖²_F / D`: the dependence of the views alone, with no target for C.

    It is the linear-kernel HSIC that arXiv 2104.13712 starts from. Its terms are those
    of `keras_twins.losses.CorrelationLoss`.
    """

    term_names = ("on_diagonal", "off_diagonal")

    def terms(self, z_a, z_b):
        # The same standardised features and matrix; the weights do not matter.
        terms = losses.BarlowTwinsLoss().terms(z_a, z_b)
        width = z_a.shape[1]
        return {
            **{name: terms[name] for name in self.term_names},
            "loss": -losses.linear_hsic(z_a, z_b) / width,
        }


class WithoutAsymmetry(models.Twins):
    """SimSiam with its stop-gradient or its predictor taken away.

    `NegativeCosineLoss(stop_gradient=False)` lets the gradient pass to the targets,
    where `Twins` stops it whatever the loss. Without `predictor`, projections are
    compared with projections.
    """

    def batch_terms(self, pair, training):
        embeddings = self.encoder(pair.view_a, training=training)
        z_a = self.projector(embeddings, training=training)
        z_b = self.projector(
            self.encoder(pair.view_b, training=training), training=training
        )
        p_a, p_b = z_a, z_b
        if self.predictor is not None:
            p_a, p_b = (self.predictor(z, training=training) for z in (z_a, z_b))
        one = self.pair_loss.terms(p_a, z_b)
        other = self.pair_loss.terms(p_b, z_a)
        return embeddings, {name: 0.5 * (one[name] + other[name]) for name in one}


@dataclasses.dataclass(frozen=True)
class Method:
    """How one method is trained.

    Attributes:
        title: str, for tables.
        loss: function that makes the loss.
        projector: widths of the projector's layers.
        predictor: widths of the predictor's layers; empty for none.
        momentum: float, where the teacher's momentum begins, or None for no teacher.
        model: class of the model.
        rate_of: str, the method whose learning rate it takes; empty for its own.
    """

    title: str
    loss: Callable[[], losses.PairLoss]
    projector: tuple[int, ...]
    predictor: tuple[int, ...] = ()
    momentum: float | None = None
    model: type[models.Twins] = models.Twins
    rate_of: str = ""

    def make(self, encoder: keras.Model, steps: int) -> models.Twins:
        """A model to compile with `self.loss()`.

        Args:
            encoder: `keras.Model`, of normalised images.
            steps: int, of the whole training, over which the momentum goes to 1.
        """
        head = models.projector(encoder.output_shape[-1], self.projector)
        arguments: dict[str, Any] = {}
        if self.predictor:
            width = self.projector[-1]
            arguments["predictor"] = models.projector(
                width, self.predictor, name="predictor"
            )
        if self.momentum is not None:
            arguments["momentum"] = keras.optimizers.schedules.CosineDecay(
                self.momentum, steps, alpha=1.0 / self.momentum
            )
        return self.model(encoder, head, **arguments)


def _barlow_twins(width=2048, times=8):
    """λ D is what counts: 8 is that of the quick configuration, 1 that of the note."""
    return lambda: losses.BarlowTwinsLoss(times / width)


def _hsic(width=2048, times=8):
    return lambda: losses.HSICLoss(times / width)


_WIDE, _NOTE, _PAIRED = (512, 2048), (512, 128), (512, 512)
_SIMSIAM = {"projector": _PAIRED, "predictor": (128, 512), "rate_of": "simsiam"}
_BYOL = {"projector": (512, 128), "rate_of": "byol"}
_COSINE = losses.NegativeCosineLoss


def _both_sides_trained():
    return losses.NegativeCosineLoss(stop_gradient=False)


METHODS = {
    "barlow_twins": Method("Barlow Twins", _barlow_twins(), _WIDE),
    "hsic": Method("HSIC", _hsic(), _WIDE),
    "vicreg": Method("VICReg", losses.VICRegLoss, _WIDE),
    "simclr": Method("SimCLR", losses.NTXentLoss, _NOTE),
    "simsiam": Method("SimSiam", _COSINE, _PAIRED, (128, 512)),
    "byol": Method("BYOL", _COSINE, _NOTE, (512, 128), 0.99),
    "frossl": Method("FroSSL", losses.FroSSLLoss, _WIDE),
    "sigreg": Method("SIGReg", lambda: losses.SIGRegLoss(slices=256), _NOTE),
    "ssl_hsic": Method("SSL-HSIC, exact kernel", losses.SSLHSICLoss, _NOTE),
    "dcl": Method("DCL", lambda: losses.NTXentLoss(decoupled=True), _NOTE),
    "mixed": Method(
        "Mixed Barlow Twins", _barlow_twins(), _WIDE, model=kt.models.MixedTwins
    ),
    # What collapses without its predictor or its stop-gradient.
    "simsiam-no_stop_gradient": Method(
        "SimSiam without stop-gradient",
        _both_sides_trained,
        model=WithoutAsymmetry,
        **_SIMSIAM,
    ),
    "simsiam-no_predictor": Method(
        "SimSiam without predictor",
        _COSINE,
        **(_SIMSIAM | {"predictor": ()}),
        model=WithoutAsymmetry,
    ),
    # A teacher takes no gradient; without it, targets are the student's own.
    "byol-no_stop_gradient": Method(
        "BYOL without teacher and stop-gradient",
        _both_sides_trained,
        predictor=(512, 128),
        model=WithoutAsymmetry,
        **_BYOL,
    ),
    "byol-no_predictor": Method(
        "BYOL without predictor", _COSINE, momentum=0.99, **_BYOL
    ),
    # What C is drawn to, at two widths.
    "maximised": Method("‖C‖² alone, D = 2048", Maximised, _WIDE),
    "barlow_twins-128": Method("target 0, D = 128", _barlow_twins(128, 1), _NOTE),
    "hsic-128": Method("target −1, D = 128", _hsic(128, 1), _NOTE),
    "maximised-128": Method("‖C‖² alone, D = 128", Maximised, _NOTE),
}
