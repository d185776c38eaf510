"""Barlow Twins on scikit-learn's digits: the whole way in a few minutes, no download.

What it trains: a small residual network on 1 437 scans of handwritten digits (8×8,
enlarged to 16×16), without their labels. `make quickstart` prints what it measured.

    keras-twins train --config=configs/digits.py --workdir=runs/digits
"""

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="digits")
    config.dataset = "digits"
    config.batch_size = 128
    config.encoder = {
        "name": "residual_encoder",
        "stem": "cifar",
        "widths": (32, 64, 128),
        "depths": (1, 1, 1),
    }
    config.projector = (256, 256)
    config.deterministic = True
    config.epochs = 40
    config.optimizer.name = "adamw"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.weight_decay = 1e-4
    config.optimizer.warmup_epochs = 4.0
    config.evaluation.every_epochs = 10
    return common.with_options(config, options)
