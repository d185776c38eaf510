"""The methods beside Barlow Twins, as options of a configuration.

A method is a loss and, where needed, another model. Each file that offers methods has
settings of its own for them: `--config=configs/cifar10.py:vicreg`.

    mixed       Mixed Barlow Twins: a third pass sees mixed images
    vicreg      VICReg: invariance, variance and covariance
    frossl      FroSSL: invariance, and the entropy of the embeddings
    sigreg      SIGReg, the loss of LeJEPA: embeddings that are normally distributed
    ssl_hsic    SSL-HSIC: embeddings that depend on the image, and on nothing else
    simclr      SimCLR: negatives are the other images of the batch
    dcl         DCL: SimCLR without the positive in the denominator
    simsiam     SimSiam: a predictor, and targets without a gradient
    byol        BYOL: a predictor, and the targets of a teacher
"""

from ml_collections import ConfigDict

_LOSSES = {
    "vicreg": {
        "name": "vicreg",
        "invariance_weight": 25.0,
        "variance_weight": 25.0,
        "covariance_weight": 1.0,
        "eps": 1e-4,
        "form": "auto",
    },
    "frossl": {"name": "frossl", "invariance_weight": 1.0, "form": "auto"},
    "sigreg": {
        "name": "sigreg",
        "regularisation_weight": 0.05,
        "slices": 1024,
    },
    "ssl_hsic": {
        "name": "ssl_hsic",
        "regularisation_weight": 3.0,
        "kernel": "exact",
        "kernel_scale": 1.0,
    },
    "simclr": {"name": "nt_xent", "temperature": 0.2, "decoupled": False},
    "dcl": {"name": "nt_xent", "temperature": 0.1, "decoupled": True},
    "simsiam": {"name": "negative_cosine"},
    "byol": {"name": "negative_cosine"},
}

NAMES = ("mixed", *_LOSSES)


def take(config, name, settings):
    """Has a configuration train another method.

    Args:
        config: `ConfigDict`.
        name: str, one of `NAMES`.
        settings: dict of values by key, such as "optimizer.learning_rate": what the
            configuration has otherwise with this method.
    """
    if name == "mixed":
        config.model.name = "mixed_twins"
        config.model.mixing_scale = 4.0
    else:
        config.loss = ConfigDict(_LOSSES[name])
    config.update_from_flattened_dict(settings)
