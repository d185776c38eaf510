"""A small exported model, for tests of what embeds with one."""

import keras

from keras_twins.export.saved_model import image_graph

SIZE, WIDTH = 8, 4


def save(folder):
    """Exports a model of random weights, the same each time; gives its folder."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(WIDTH)(keras.layers.Flatten()(x)))
    model_dir = folder / "embedder"
    image_graph(encoder, SIZE, None, True, 10_000).save(model_dir / "3")
    return model_dir
