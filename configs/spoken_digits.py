"""Barlow Twins on the Free Spoken Digit Dataset: digits said by six speakers.

What it trains: the encoder of `configs/esc10.py` on recordings at 8 kHz, of which most
last half a second, without their labels. For a CPU.

    keras-twins train --config=configs/spoken_digits.py --workdir=runs/spoken_digits \
      --config.dataset=sounds:/path/to/free-spoken-digit-dataset

    :hsic   HSIC in place of Barlow Twins
    :test   a few seconds: a smaller encoder, two epochs

A table `clips.csv` in the folder, with the columns `file`, `label`, `speaker` and
`split`, says which recordings are trained on.

Measured by us: nothing yet at this length.
"""

from keras_twins.configs import common, sounds


def get_config(options=""):
    config = sounds.base()
    config.log_mel.update(rate=8_000, window=512, hop=80, high=3900.0)
    config.epochs = 100
    config.optimizer.warmup_epochs = 5.0
    config.evaluation.every_epochs = 20
    return common.with_options(config, options)
