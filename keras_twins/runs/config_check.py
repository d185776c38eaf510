"""Checks the values of a configuration before anything is done with them."""

import math
from numbers import Real

from ml_collections import ConfigDict

from keras_twins.errors import InputError
from keras_twins.runs import levels, of_sounds

_MISSING = object()
_PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


def check(config):
    """Checks the values of a configuration, each by itself.

    A key that is not there is passed over: a run of an earlier version may lack one.

    Args:
        config: `ConfigDict`, with the keys of `configs/common.py`.

    Raises:
        InputError: naming the first key whose value is of another kind or out of range.
    """
    for key, (fits, expected) in (_expected(config) | _OPTIONAL).items():
        value = _value(config, key)
        if value is not _MISSING and not fits(value):
            raise InputError(f"--config.{key}={value!r}: expected {expected}")
    size = _value(config, "evaluation.image_size")
    resize = _value(config, "evaluation.resize")
    if isinstance(resize, int) and isinstance(size, int) and resize < size:
        raise InputError(
            f"--config.evaluation.resize={resize}: expected at least "
            f"--config.evaluation.image_size={size}, the square that is cut out"
        )


def check_complete(config):
    """Raises InputError if a configuration lacks a key, which it names."""
    for key in _expected(config):
        if _value(config, key) is _MISSING:
            raise InputError(
                f"--config: the configuration has no key {key!r}; "
                "keras_twins.configs.common.base has all of them"
            )


def _expected(config):
    """The keys that a configuration of this modality has."""
    return _EXPECTED | (_OF_SOUNDS if of_sounds.is_it(config) else _OF_IMAGES)


def _value(config, key):
    for part in key.split("."):
        if part not in config:
            return _MISSING
        config = config[part]
    return config


def _is_whole(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _whole(least, most=2**31 - 1):
    return (
        lambda value: _is_whole(value, least) and value <= most,
        f"a whole number of at least {least}",
    )


def _is_number(value):
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def _number(least, most=math.inf):
    limit = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
    return (
        lambda value: _is_number(value) and least <= value <= most,
        f"a number {limit}",
    )


def _is_sequence(value):
    return isinstance(value, (tuple, list))


def _is_widths(value):
    return (
        _is_sequence(value)
        and bool(value)
        and all(_is_whole(width, 1) for width in value)
    )


def _share_or_none():
    fits, expected = _number(0, 1)
    return _or_none(fits), f"{expected}, or None"


def _is_sizes(value):
    return _is_sequence(value) and all(
        _is_sequence(pair) and len(pair) == 2 and all(_is_whole(n, 1) for n in pair)
        for pair in value
    )


def _is_text(value):
    return isinstance(value, str) and bool(value)


def _is_levels(value):
    try:
        levels.parse(value)
    except InputError:
        return False
    return True


def _or_none(fits):
    return lambda value: value is None or fits(value)


def _open(check, decided):
    """A value that may be left open."""
    fits, expected = check
    return _or_none(fits), f"{expected}, or None: {decided}"


def _is_callback(value):
    if isinstance(value, (dict, ConfigDict)):
        value = value.get("name")
    return _is_text(value) and ":" in value


_TRUTH = (lambda value: isinstance(value, bool), "True or False")

_A_NAME = "a name of one of ours, or module:name"

_EXPECTED = {
    "seed": _whole(0),
    "dataset": (_is_text, "a data set's name"),
    "data_dir": (_or_none(_is_text), "a folder"),
    "download": _TRUTH,
    "image_key": (_or_none(_is_text), "a feature's name, such as left or a/b"),
    "label_key": (_or_none(_is_text), "a feature's name, such as left or a/b"),
    "train_split": (_is_text, "a split's name"),
    "test_split": (_is_text, "a split's name"),
    "data_service": (_or_none(_is_text), "an address, grpc://host:port"),
    "labels": (_or_none(_is_text), "a file with the columns path and label"),
    "levels": (_is_levels, "auto, or two whole numbers low,high in 0..65535"),
    "batch_size": _open(_whole(2), "from the collection's size"),
    "max_bad_images": _number(0, 1),
    "sizes": (_is_sizes, "pairs (image_size, epochs) of whole numbers, at least 1"),
    "views_on_device": _TRUTH,
    "projector": (_is_widths, "one or several whole numbers of at least 1"),
    "projector_unit_length": _TRUTH,
    "precision": (lambda value: value in _PRECISIONS, f"one of {_PRECISIONS}"),
    "epochs": _open(_whole(1), "from the collection's size"),
    "encoder.name": (_is_text, _A_NAME),
    "loss.name": (_is_text, _A_NAME),
    "optimizer.name": (_is_text, _A_NAME),
    "optimizer.learning_rate": _number(0),
    "optimizer.warmup_epochs": _number(0),
    "optimizer.final_rate": _number(0, 1),
    "deterministic": _TRUTH,
    "checkpoint.every_steps": _whole(0),
    "checkpoint.every_minutes": _number(0),
    "checkpoint.keep": _whole(1),
    "collapse.rank_share": _number(0, 1),
    "collapse.epochs": _whole(1),
    "collapse.stop": _TRUTH,
    "evaluation.every_epochs": _whole(0),
    "evaluation.bank_images": _whole(1),
    "evaluation.k": _whole(1),
    "evaluation.temperature": (
        lambda value: _is_number(value) and value > 0,
        "a number above 0",
    ),
}

_OF_IMAGES = {
    "views.image_size": _open(_whole(1), "from the images' sides"),
    "evaluation.image_size": _open(_whole(1), "the views' size"),
    "evaluation.resize": (
        _or_none(lambda value: _is_whole(value, 1)),
        "a whole number of at least 1, or None",
    ),
}

_OF_SOUNDS = {
    "log_mel.rate": _whole(1_000, 768_000),
    "log_mel.window": _whole(1),
    "log_mel.hop": _whole(1),
    "log_mel.bands": _whole(4),
    "log_mel.low": _number(0),
    "log_mel.high": _number(0),
    "views.frames": _whole(1),
    "views.mean": (
        _or_none(_is_number),
        "a number, or None: of the collection",
    ),
    "views.std": (
        _or_none(lambda value: _is_number(value) and value > 0),
        "a number above 0, or None: of the collection",
    ),
    "evaluation.standardise": _TRUTH,
}

# Keys that a file may leave out.
_OPTIONAL = {
    "minutes": (
        _or_none(lambda value: _is_number(value) and value > 0),
        "a number above 0, or None: epochs are given",
    ),
    "init_from": (
        _or_none(_is_text),
        "the folder of a run, a model.keras or an encoder.keras, or None",
    ),
    "callbacks": (
        lambda value: _is_sequence(value) and all(map(_is_callback, value)),
        "a tuple of module:name, or of dictionaries with such a name",
    ),
    "encoder.weights": (
        _or_none(_is_text),
        "imagenet, none or a file of weights, or None",
    ),
    "encoder.frozen": (
        _or_none(
            lambda value: (
                _is_whole(value, 0)
                or (_is_sequence(value) and all(map(_is_text, value)))
            )
        ),
        "a number of first layers, or a tuple of how names of layers begin",
    ),
    "optimizer.encoder_rate": (
        _or_none(lambda value: _is_number(value) and value >= 0),
        "a number of at least 0, or None",
    ),
    "views.further_views.count": _open(_whole(0), "none"),
    "views.further_views.image_size": _open(_whole(1), "that of the others"),
    "model.name": (_or_none(_is_text), "twins, mixed_twins or module:name, or None"),
    "model.predictor": (
        _or_none(_is_widths),
        "one or several whole numbers of at least 1, the widths of hidden layers, or "
        "None",
    ),
    "model.momentum": _share_or_none(),
    "model.final_momentum": _share_or_none(),
    "views.name": (
        _or_none(lambda value: _is_text(value) and ":" in value),
        "a module:name, or None",
    ),
}
