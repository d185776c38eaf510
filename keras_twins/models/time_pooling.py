"""How maps of a spectrogram, frequency × time × channels, become one embedding."""

from keras import layers


def by_frame(x):
    """Folds the frequencies into the channels: one vector per frame of time.

    Args:
        x: `(batch_size, bands, frames, channels)`; bands and channels are known.

    Returns:
        `(batch_size, frames, bands * channels)`.
    """
    bands, channels = x.shape[1], x.shape[3]
    x = layers.Permute((2, 1, 3), name="by_frame")(x)
    return layers.Reshape((-1, bands * channels), name="fold")(x)


def over_time(x):
    """The largest value over time and the mean, added: `(batch_size, width)`.

    Niizumi et al., arXiv 2204.07402, section III-C.

    Args:
        x: `(batch_size, frames, width)`, of any number of frames.
    """
    largest = layers.GlobalMaxPooling1D(name="time_max")(x)
    mean = layers.GlobalAveragePooling1D(name="time_mean")(x)
    return layers.Add(name="pool")([largest, mean])


def check_bands(input_shape, least):
    """Raises ValueError unless the number of bands is known and large enough."""
    bands = input_shape[0]
    if bands is None or bands < least:
        raise ValueError(
            "The bands are folded into the channels, so that their number must be "
            f"known. Expected an `input_shape` of (bands, frames, channels) with at "
            f"least {least} bands; frames may be None. "
            f"Received: input_shape={tuple(input_shape)}"
        )
