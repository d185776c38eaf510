"""What is different in a run of recordings.

Its configuration has a section `log_mel`, the front end; one of images has none.
"""

import numpy as np

from keras_twins import models, pictures, spectrograms
from keras_twins.augment import LogMel, TwoSoundViews
from keras_twins.data.loading import open_source
from keras_twins.data.sound_rows import is_in_memory
from keras_twins.decode.modality import SOUNDS
from keras_twins.errors import InputError

# What the views need before the statistics of the collection are known.
_UNKNOWN = {"mean": 0.0, "std": 1.0}


def is_it(config):
    """Whether a configuration is one of recordings."""
    return "log_mel" in config


def check(config):
    """Refuses a collection of the other modality.

    Raises:
        InputError: naming the data set.
    """
    given = config.dataset.startswith(SOUNDS)
    if given == is_it(config):
        return
    if given:
        fault = "recordings need a configuration that has log_mel, such as"
        remedy = "--config=configs/esc10.py"
    else:
        fault = "this configuration is one of recordings; give"
        remedy = "sounds:/path/to/recordings"
    raise InputError(f"--config.dataset={config.dataset}: {fault} {remedy}")


def front_end(config):
    """The configured `kt.augment.LogMel`.

    Raises:
        InputError: for settings that do not fit each other.
    """
    try:
        return LogMel(**config.log_mel, min_frames=config.views.frames)
    except ValueError as error:
        raise InputError(f"--config.log_mel: {error}") from error


def open_log_mels(config, split):
    """The source of the log-mels of a split."""
    rate = config.log_mel.rate
    source = open_source(
        config.dataset, split, label_file=config.get("labels"), rate=rate
    )
    return source.as_log_mels(front_end(config))


def views(config):
    """The layer of the configuration's views."""
    spec = config.views.to_dict()
    for key, value in _UNKNOWN.items():
        if spec[key] is None:
            spec[key] = value
    return TwoSoundViews(spec, seed=config.seed)


def encoder_shape(config):
    """What an encoder takes: log-mels of any length."""
    return (config.log_mel.bands, None, 1)


def saved_encoder(config, body):
    """The encoder that takes log-mels as they are, which is saved and evaluated."""
    mean, std = (config.views.mean,), (config.views.std,)
    return models.with_normalisation(body, mean, std, unit=1.0)


def thumbnail_of(config):
    """The function that draws an element small, of itself and a side in pixels."""
    return spectrograms.thumbnail if is_it(config) else pictures.thumbnail


def statistics(config, source):
    """Mean and deviation of all log-mels, where the configuration leaves them open.

    Args:
        config: `ConfigDict`.
        source: `Source` of log-mels, without those that cannot be read.

    Returns:
        dict of values by key.
    """
    if config.views.mean is not None and config.views.std is not None:
        return {}
    if is_in_memory(source, "auto"):
        parts = [source.images_in_memory.numpy()]
    else:
        parts = source.dataset().as_numpy_iterator()
    mean, std = _moments(parts)
    print(f"log-mels of {config.dataset}: mean {mean:.3f}, deviation {std:.3f}")
    return {"views.mean": mean, "views.std": std}


def _moments(parts):
    """Mean and deviation of arrays, in double precision."""
    count = total = squares = 0.0
    for part in parts:
        count += part.size
        total += part.sum(dtype=np.float64)
        squares += np.square(part, dtype=np.float64).sum()
    mean = total / count
    return float(mean), float(np.sqrt(max(squares / count - mean**2, 1e-12)))
