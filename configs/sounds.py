"""What configurations of recordings share: the recipe of Audio Barlow Twins, small.

The front end, the views and the encoder are those of Anton et al. (arXiv 2209.14345),
section 4.1; the encoder and the projector are smaller, for a CPU. `config.log_mel` has
the arguments of `kt.augment.LogMel`, `config.views` is a spec of
`kt.augment.TwoSoundViews`.
"""

from ml_collections import ConfigDict, config_dict

from keras_twins.augment import sounds
from keras_twins.configs import common


def base():
    """A configuration of recordings; a config file changes what it must."""
    config = common.base(views="digits")
    config.dataset = "sounds:/path/to/recordings"

    # Front end: samples of a window and between windows, bands between two frequencies.
    config.log_mel = ConfigDict(
        {
            "rate": 16_000,
            "window": 1024,
            "hop": 160,
            "bands": 64,
            "low": 60.0,
            "high": 7800.0,
        }
    )

    # Views. `mean` and `std` of the log-mels are measured where they are None.
    del config["views"]
    config.views = ConfigDict(sounds.preset("audio_barlow_twins"))
    config.views.update(
        mean=config_dict.placeholder(float), std=config_dict.placeholder(float)
    )

    # The paper's encoder has filters=64, hidden=2048; its projector 8192-1048.
    config.encoder = ConfigDict(
        {"name": "audiontt", "filters": 16, "hidden": 256, "dropout": 0.3}
    )
    config.projector = (1024, 256)
    config.loss.redundancy_weight = 0.005

    config.batch_size = 64
    config.deterministic = True
    config.optimizer.weight_decay = 1e-5

    # Evaluation: whole recordings. kNN is by the cosine of standardised embeddings.
    config.evaluation = ConfigDict(
        {
            "every_epochs": 50,
            "bank_images": 10_000,
            "k": 5,
            "temperature": 0.5,
            "standardise": True,
        }
    )
    return config
