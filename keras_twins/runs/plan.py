"""What a configuration leaves open, decided once from the collection."""

import statistics

from keras_twins import listing
from keras_twins.decode import host
from keras_twins.errors import InputError

# Sides of views to choose from. A crop shows some half of an image's side, so a view
# needs no more pixels than that.
_SIZES = (224, 128, 96, 64)
_PIXELS_PER_PIXEL = 2

_LARGEST_BATCH, _SMALLEST_BATCH = 256, 32
_BATCHES_OF_AN_EPOCH = 8

# A small collection is shown often, a large one seldom.
_IMAGES_SHOWN = 4_000_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 20, 200

_WARMUP_SHARE = 0.1

# Files whose headers are read, and images that are decoded where there are no files.
_SAMPLED_FILES, _SAMPLED_IMAGES = 256, 32

# Views of less than a third of an image's side are worth a word.
_MUCH_SMALLER = 3


def image_size(config, source):
    """Decides the size of the views where it is None, a dict of values by key."""
    if config.views.image_size is not None:
        return {}
    return {"views.image_size": _image_size(_shorter_side(source))}


def decide(config, source, replicas):
    """Decides the batch and the epochs where they are None or do not fit.

    Args:
        config: `ConfigDict`.
        source: the training images.
        replicas: int, between which a batch is shared.

    Returns:
        dict of values by key, empty where nothing is open.

    Raises:
        InputError: for a collection from which no batch can be made.
    """
    decided = {}
    count = source.num_images
    batch_size = config.batch_size
    if batch_size is None:
        batch_size = decided["batch_size"] = _batch_size(count)
    if count < batch_size:
        decided["batch_size"] = _batch_that_fits(config, source, replicas)
    if config.epochs is None:
        epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, _IMAGES_SHOWN // count))
        decided |= with_epochs(config, epochs)
    return decided


def with_epochs(config, epochs):
    """So many epochs, with a warm-up that fits them, a dict of values by key."""
    warmup = min(config.optimizer.warmup_epochs, _WARMUP_SHARE * epochs)
    return {"epochs": epochs, "optimizer.warmup_epochs": warmup}


def is_open_ended(config):
    """Whether the number of epochs is decided from measured steps.

    Args:
        config: `ConfigDict`, as it was given.

    Raises:
        InputError: where steps cannot be measured.
    """
    if not config.get("minutes") and config.epochs is not None:
        return False
    for key in ("sizes", "data_service"):
        if config[key]:
            raise InputError(
                f"--config.{key}={config[key]} needs --config.epochs, and no "
                "--config.minutes: its steps cannot be measured before they are trained"
            )
    return True


def say_if_views_are_small(config, source):
    """Says where views are much smaller than the images, and how to change it."""
    side, size = _shorter_side(source), config.views.image_size
    better = _image_size(side)
    if size * _MUCH_SMALLER <= side and size < better:
        print(
            f"{config.dataset} has images of {side} pixels, and views have {size}: "
            "small things in them are lost.\n"
            "    --config=configs/photos.py, or "
            f"--config.views.image_size={better} "
            f"--config.evaluation.image_size={better}, changes it",
            flush=True,
        )


def _image_size(side):
    fitting = (size for size in _SIZES if size * _PIXELS_PER_PIXEL <= side)
    return next(fitting, _SIZES[-1])


def _batch_size(count):
    """The largest power of two that leaves some batches to an epoch, within bounds."""
    most = max(1, count // _BATCHES_OF_AN_EPOCH)
    power = 1 << (most.bit_length() - 1)
    return min(_LARGEST_BATCH, max(_SMALLEST_BATCH, power))


def _batch_that_fits(config, source, replicas):
    count = source.num_images
    fitting = count // replicas * replicas
    elements = listing.counted(count, source.word)
    if fitting < 2:
        raise InputError(
            f"{config.dataset}: {elements} for {replicas} "
            f"replica{'s' if replicas > 1 else ''} make no batch, which needs 2 "
            f"{source.word}s and one per replica"
        )
    if config.batch_size is not None:
        print(
            f"{config.dataset} has {elements}: batches of {fitting}, instead of "
            f"--config.batch_size={config.batch_size}"
        )
    return fitting


def _shorter_side(source):
    """The median of the shorter sides of a sample of images."""
    if source.paths is not None:
        stride = -(-len(source.paths) // _SAMPLED_FILES)
        sides = [side for path in source.paths[::stride] if (side := _side(path))]
    elif None not in source.image_shape:
        sides = [min(source.image_shape[:2])]
    else:
        images = source.dataset().ignore_errors().take(_SAMPLED_IMAGES)
        sides = [min(image.shape[:2]) for image in images]
    return int(statistics.median(sides)) if sides else 0


def _side(path):
    try:
        return min(host.size(path))
    except host.ERRORS:
        return 0  # The first pass says so of the file.
