"""A tiny exported model of recordings, for tests of what embeds with one."""

import keras

from keras_twins.augment import LogMel
from keras_twins.export import export_sound_model

RATE, WIDTH = 8000, 5
MAX_SECONDS = 4.0
LOG_MEL = LogMel(RATE, window=512, hop=80, high=3900.0)


def save(folder):
    """Publishes version 1 of `sounds` in a folder; gives the version's folder."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64, None, 1))
    x = keras.layers.Rescaling(1 / 6.0, 10 / 6.0)(inputs)
    x = keras.layers.Conv2D(WIDTH, 3, strides=4)(x)
    encoder = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(x), name="small")
    return export_sound_model(
        encoder,
        folder / "sounds",
        LOG_MEL,
        max_seconds=MAX_SECONDS,
        warmup_batch_sizes=(1,),
    )
