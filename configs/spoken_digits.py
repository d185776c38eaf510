"""Barlow Twins on the Free Spoken Digit Dataset: digits said by six speakers.

What it trains: the encoder of `configs/esc10.py` on recordings at 8 kHz, of which most
last half a second, without their labels. For a CPU.

    keras-twins train --config=configs/spoken_digits.py --workdir=runs/spoken_digits \
      --config.dataset=sounds:/path/to/free-spoken-digit-dataset

    :hsic   HSIC in place of Barlow Twins
    :test   a few seconds: a smaller encoder, two epochs

A table `clips.csv` in the folder, with the columns `file`, `label`, `speaker` and
`split`, says which recordings are trained on.

Measured on two CPU cores that had other work, seven minutes, one seed. The official
split, and the mean ± standard deviation over the six speakers:

                          official split           one speaker left out
    features              linear    kNN (k 5)      linear         kNN (k 5)
    raw statistics        92.0      87.0           52.8 ± 10.3    37.9 ± 7.9
    untrained encoder     97.7      92.3           72.2 ± 7.0     42.5 ± 4.4
    trained encoder       98.7      98.0           67.7 ± 16.6    44.3 ± 15.6

For a speaker whose voice was not trained on, training is worth nothing measurable.
"""

from keras_twins.configs import common, sounds


def get_config(options=""):
    config = sounds.base()
    config.log_mel.update(rate=8_000, window=512, hop=80, high=3900.0)
    config.epochs = 100
    config.optimizer.warmup_epochs = 5.0
    config.evaluation.every_epochs = 20
    return common.with_options(config, options)
