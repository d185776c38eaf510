"""Barlow Twins on ESC-10: 400 recordings of ten kinds of environmental sounds.

What it trains: the encoder of Audio Barlow Twins in a small version, 134 thousand
weights, on the log-mels of recordings at 16 kHz, without their labels. For a CPU.

    keras-twins train --config=configs/esc10.py --workdir=runs/esc10 \
      --config.dataset=sounds:/path/to/ESC-10

    :hsic   HSIC in place of Barlow Twins
    :test   a few seconds: a smaller encoder, two epochs

The folder has a sub-folder for each class; a table `clips.csv` in it, with the columns
`file`, `label` and `fold`, has `keras-twins evaluate` measure by the set's own folds.

Measured on two CPU cores that had other work, ten minutes, two seeds, mean ± standard
deviation of the five folds:

                          linear probe                 kNN (k 5)
    features              seed 0        seed 1         seed 0        seed 1
    raw statistics        78.5 ± 5.8    78.5 ± 5.8     67.8 ± 1.9    67.8 ± 1.9
    untrained encoder     86.0 ± 2.4    82.8 ± 1.6     78.5 ± 2.2    74.3 ± 5.7
    trained encoder       89.5 ± 1.4    90.5 ± 1.4     84.8 ± 6.3    86.0 ± 4.5
"""

from keras_twins.configs import common, sounds


def get_config(options=""):
    config = sounds.base()
    config.epochs = 300
    config.optimizer.warmup_epochs = 10.0
    return common.with_options(config, options)
