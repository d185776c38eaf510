r"""Barlow Twins on CIFAR-10 in the settings of the note (arXiv 2104.13712).

What it trains: ResNet-18 with the CIFAR stem, projector 512-128, 1000 epochs of batches
of 128 with Adam: a run for a GPU.

    keras-twins train --config=configs/cifar10.py --workdir=runs/cifar10 \
      --config.data_dir=/path/to/tensorflow_datasets

    :hsic       the note's HSIC loss, at the same weight of 1/128
    :official   loss, projector and LARS of the official code; see configs/common.py
    :test       a few seconds, on the digits

Published: 92.10 % (online linear probe, 1000 epochs, solo-learn's README, its own
settings); 84.2 % (kNN with k 200, 200 epochs, lightly's benchmarks, its own settings).

Measured by us: nothing yet at this length.
"""

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="cifar10")
    common.note(config)
    config.dataset = "cifar10"
    config.encoder = {"name": "resnet18", "stem": "cifar"}
    return common.with_options(config, options)
