r"""Barlow Twins on STL-10's unlabelled images, in the settings of the note.

What it trains: ResNet-50 with a 3×3 stem of stride 2 on 100 000 images at 64 pixels,
projector 512-128, 1000 epochs of batches of 128 with Adam: a run for a GPU.

    keras-twins train --config=configs/stl10.py --workdir=runs/stl10 \
      --config.data_dir=/path/to/tensorflow_datasets --config.download=True

    :hsic       the note's HSIC loss, at the same weight of 1/128
    :official   loss, projector and LARS of the official code; see configs/common.py
    :test       a few seconds, on the digits

`evaluate` has labels in the data set's splits `train` (5 000) and `test` (8 000), whose
images it makes 70 pixels wide and cuts to 64:

    keras-twins evaluate --workdir=runs/stl10 --train_split=train

Measured by us: nothing yet.

Deviation: the note's code follows a stem of stride 1 with max pooling.
"""

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="stl10")
    common.note(config)
    config.dataset = "stl10"
    config.train_split = "unlabelled"
    config.encoder = {"name": "resnet50", "stem": "small"}
    config.evaluation.resize = 70
    return common.with_options(config, options)
