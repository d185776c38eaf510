r"""Barlow Twins on ImageNet in the settings of its official code (arXiv 2103.03230).

What it trains: ResNet-50 at 224 pixels, asymmetric views, projector 8192-8192-8192,
1000 epochs of batches of 2048 with LARS: a run for many GPUs or a TPU.

    keras-twins train --config=configs/imagenet.py --workdir=runs/imagenet \
      --strategy=multi_worker --config.precision=mixed_bfloat16 \
      --config.data_dir=/path/to/tensorflow_datasets

    :hsic       the note's HSIC loss, at the same weight of 0.0051
    :test       a few seconds, on the digits

TensorFlow Datasets makes ImageNet out of the archives that its site gives to those who
register: put them into DATA_DIR/downloads/manual, and pass --config.download=True once.

Published: 73.5 % (linear probe, 1000 epochs, the official README); 67.2 % (100 epochs,
solo-learn's README). Rates that its authors found best for 300 epochs, as
--config.optimizer.learning_rate, batch/256 included: batch 256, 0.4; 512, 0.6; 1024,
1.0; 2048, 1.6; 4096, 3.2.

Measured by us: nothing yet.

Rates and decay are not copied as they stand: see `official` in configs/common.py.
"""

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="imagenet")
    common.official(config)
    config.dataset = "imagenet2012"
    config.test_split = "validation"
    config.encoder = {"name": "resnet50", "stem": "imagenet"}
    config.evaluation.resize = 256
    return common.with_options(config, options)
