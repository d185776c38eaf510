r"""Barlow Twins on Tiny ImageNet, in the settings of the note (arXiv 2104.13712).

What it trains: ResNet-50 with a 3×3 stem of stride 2 on 100 000 images of 64 pixels,
projector 512-128, 1000 epochs of batches of 128 with Adam: a run for a GPU.

    curl -O http://cs231n.stanford.edu/tiny-imagenet-200.zip
    unzip -q tiny-imagenet-200.zip
    keras-twins train --config=configs/tiny_imagenet.py --workdir=runs/tiny_imagenet \
      --config.dataset=folder:tiny-imagenet-200

    :hsic       the note's HSIC loss, at the same weight of 1/128
    :official   loss, projector and LARS of the official code; see configs/common.py
    :test       a few seconds, on the digits

The archive keeps the classes of its validation images, which `evaluate` takes for a
test, in `val/val_annotations.txt`; its test images have none.

Measured by us: nothing yet.

Deviation: the note's code follows a stem of stride 1 with max pooling.
"""

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="tiny_imagenet")
    common.note(config)
    config.dataset = "folder:tiny-imagenet-200"
    config.test_split = "val"
    config.encoder = {"name": "resnet50", "stem": "small"}
    return common.with_options(config, options)
