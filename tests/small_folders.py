"""Runs on folders of a few small images, for tests that look at what is left out."""

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_twins.configs import digits
from keras_twins.runs import first_pass
from keras_twins.runs.run import Run

ONE = tf.distribute.get_strategy()


def tiny_config(root, **overrides):
    config = digits.get_config()
    config.deterministic = False
    config.dataset = f"folder:{root}"
    config.encoder.widths = (8,)
    config.encoder.depths = (1,)
    config.projector = (16, 16)
    config.evaluation.every_epochs = 0
    config.batch_size = 8
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    config.max_bad_images = 0.3
    config.update_from_flattened_dict(overrides)
    return config


def write_image(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(level).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def first_pass_only(config, workdir):
    workdir.claim(config)
    first_pass.check_images(Run(config, workdir))
    workdir.release()
