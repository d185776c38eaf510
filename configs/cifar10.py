"""Barlow Twins on CIFAR-10 in the settings of the note (arXiv 2104.13712) and its code.

What it trains: ResNet-18 with the CIFAR stem, projector 512-128, 1000 epochs of batches
of 128 with Adam. A run for a GPU: not measured by us yet. The closest published
figures are 92.10 % (online linear probe, 1000 epochs, solo-learn's own settings) and
84.2 % (kNN with k 200, 200 epochs, lightly's own settings).

    keras-twins train --config=configs/cifar10.py --workdir=runs/cifar10 \
      --config.data_dir=/path/to/tensorflow_datasets

`--config.loss.name=hsic` trains the note's HSIC loss, at the same weight of 1/128.
Deviation: the note's code L2-normalises the projector's output before standardising it.
"""

from keras_twins.configs import common


def get_config():
    config = common.base(views="cifar10")
    config.dataset = "cifar10"
    config.batch_size = 128
    config.encoder = {"name": "resnet18", "stem": "cifar"}
    config.projector = (512, 128)
    config.loss.ddof = 1
    config.loss.eps = 0.0
    config.epochs = 1000
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.weight_decay = 1e-6
    config.optimizer.warmup_epochs = 0.0
    config.optimizer.final_rate = 1.0  # a constant rate, as the note's code has it
    config.evaluation.every_epochs = 5
    return config
