"""Views beside the first two, as a configuration asks for them."""

from keras_twins.errors import InputError
from keras_twins.models.pair_losses import as_pair_loss
from keras_twins.runs import of_sounds

_KEY = "views.further_views"


def given(config):
    """What `config.views.further_views` says, without what it leaves open.

    Returns:
        dict, empty where there are no further views.
    """
    # A run of an earlier version has no such key.
    further = config.views.get("further_views") or {}
    said = {key: value for key, value in further.items() if value is not None}
    return said if said.get("count") else {}


def count(config):
    """How many views of an image there are in all."""
    return 2 + given(config).get("count", 0)


def of_several_sizes(config):
    """Whether the further views have a size of their own."""
    size = config.views.image_size
    return given(config).get("image_size", size) != size


def check_loss(config, loss):
    """Raises InputError where a loss takes fewer views than there are."""
    most, views = as_pair_loss(loss).most_views, count(config)
    if most is not None and views > most:
        raise InputError(
            f"--config.{_KEY}.count={views - 2}: --config.loss.name="
            f"{config.loss.name} compares {most} views; give a loss of any number of "
            "them, such as frossl, or a count of 0"
        )


def describe(config):
    """What a batch is made of, in words that follow a number of images."""
    if of_sounds.is_it(config):
        return f"pairs of {config.views.frames} frames"
    size, further = config.views.image_size, given(config)
    if not further:
        return f"pairs of {size} pixels"
    return (
        f"images in 2 views of {size} pixels and {further['count']} of "
        f"{further.get('image_size', size)}"
    )
