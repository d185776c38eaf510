"""The first elements of a run's collection and their views, as they look."""

import numpy as np

from keras_twins import data, pictures, spectrograms
from keras_twins.runs import further_views, of_sounds, parts

_SIDE = 96  # of a spectrogram, in pixels
_SPECTROGRAMS = ("log-mel", "crop", "view a", "view b")


def names(config):
    """What is drawn of an element, in order."""
    if of_sounds.is_it(config):
        return _SPECTROGRAMS
    return tuple(pictures.view_names(further_views.count(config)))


def of_run(run, count):
    """Draws elements of the training split with the views of the first epoch.

    Args:
        run: `keras_twins.runs.run.Run`, whose configuration has been decided.
        count: int, how many elements at most.

    Returns:
        list of the pictures of an element each: uint8 arrays `(height, width, 3)`, in
        the order of `names`.

    Raises:
        InputError: for data or views that cannot be used.
    """
    source, layer = run.train_source, parts.views(run.config)
    with data.explain_read_errors(source.dataset()):
        if of_sounds.is_it(run.config):
            return _of_recordings(source, layer, min(count, source.num_images))
        images = source.dataset().take(count)
        return [
            pictures.image_and_views(layer, image, key)
            for key, image in enumerate(images)
        ]


def _of_recordings(source, layer, count):
    places = np.stack(layer.partner_of(np.arange(count), source.num_images), axis=1)
    return [_of_recording(source, layer, key, places[key]) for key in range(count)]


def _of_recording(source, layer, key, partners):
    log_mel, *others = (
        source.decode(source.read_paths[place]) for place in (key, *partners)
    )
    crop = layer.crop(log_mel, key)
    mixed_in = [
        layer.partner_crop(other, key, view)[None] for view, other in enumerate(others)
    ]
    mean, std = layer.spec["mean"], layer.spec["std"]
    views = layer.finish(crop[None], *mixed_in, [key])
    shown = log_mel, crop, *(std * view[0] + mean for view in views)
    return [np.asarray(spectrograms.thumbnail(one, _SIDE)) for one in shown]
