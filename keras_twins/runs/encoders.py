"""The encoder of a configuration: one of ours, of a library, of a file, or a function.

Whatever it wants of pixels, it is wrapped to take the images that the views give. So
one place decides how an image is normalised for it: training, evaluation, report and
export all use the encoder that is made here.
"""

import pathlib
import sys

import keras

from keras_twins import models
from keras_twins.errors import InputError
from keras_twins.models import adapted
from keras_twins.runs import named, of_sounds

_OURS = {
    "audiontt": models.audiontt,
    "resnet18": models.resnet18,
    "resnet20": models.resnet20,
    "resnet34": models.resnet34,
    "resnet50": models.resnet50,
    "residual_encoder": models.residual_encoder,
}
_HUB = "keras_hub:"
_FILE = ".keras"


def make(config, shape):
    """The configured encoder, which takes normalised images or log-mels.

    Args:
        config: `ConfigDict`.
        shape: `(height, width, channels)` of one, with None for any side.

    Returns:
        `keras.Model` from `(batch_size, *shape)` to `(batch_size, dim)`.

    Raises:
        InputError: naming the key that cannot be used.
    """
    arguments = config.encoder.to_dict()
    weights = arguments.pop("weights", None)
    frozen = arguments.pop("frozen", None)
    name = arguments["name"]
    if of_sounds.is_it(config) and name not in _OURS:
        raise InputError(
            f"--config.encoder.name={name}: of recordings, expected one of "
            f"{', '.join(_OURS)}"
        )
    normalised = (config.views.mean, config.views.std)
    if name.startswith(_HUB):
        body, scaling = _from_hub(name, weights)
    elif name.endswith(_FILE):
        body, scaling = _from_file(name, weights)
    elif (maker := find(name)) is not None:
        body, scaling = _from_function(maker, arguments, shape, weights)
    else:
        body, scaling = named.make(_OURS, "encoder", arguments, shape), None
        _refuse_imagenet(name, weights)
    _check_shape(name, body, shape)
    if weights not in (None, "none", "imagenet"):
        _load_weights(body, weights)
    if name not in _OURS:
        body = named.call(
            "encoder.name", adapted.on_normalised, body, *normalised, scaling
        )
        # A file may have been saved with frozen layers, which a change alone reaches.
        body.trainable = False
        body.trainable = True
    if frozen:
        named.call("encoder.frozen", adapted.freeze, body, frozen)
    return body


def find(name):
    """The function behind a `module:function`; None for an encoder of another kind.

    Raises:
        InputError: for a module or a function that does not exist.
    """
    if name.startswith(_HUB) or name.endswith(_FILE) or not named.is_named(name):
        return None
    return named.find("encoder.name", name)


def _from_function(maker, arguments, shape, weights):
    """`module:function`, called as those of `keras.applications` are."""
    name = arguments["name"]
    takes = named.parameters(maker)
    keywords = {}
    if "include_top" in takes:
        keywords["include_top"] = False
    if "weights" in takes:
        keywords["weights"] = "imagenet" if weights == "imagenet" else None
    else:
        _refuse_imagenet(name, weights)
    try:
        body = named.make({}, "encoder", arguments, input_shape=shape, **keywords)
    except InputError:
        raise
    except Exception as error:  # `get_file` of Keras raises nothing more precise.
        if weights != "imagenet":
            raise
        raise InputError(
            f"--config.encoder.weights=imagenet: {name}'s weights cannot be fetched "
            f"({named.one_line(error)}); give the path of a file that has them"
        ) from error
    if not isinstance(body, keras.Model):
        raise InputError(
            f"--config.encoder.name={name}: expected a function that returns a "
            f"keras.Model, and it returned a {type(body).__name__}"
        )
    preprocess = getattr(sys.modules[maker.__module__], "preprocess_input", None)
    if preprocess is None or arguments.get("include_preprocessing") is False:
        return body, adapted.PIXELS if adapted.takes_pixels(body) else None
    scaling = named.call("encoder.name", adapted.scaling_of, preprocess)
    return body, scaling


def _from_hub(name, weights):
    """A preset of KerasHub, by name or folder, with what its converter does."""
    preset = name.removeprefix(_HUB)
    try:
        import keras_hub  # An optional extra.
    except ImportError as error:
        raise InputError(
            f"--config.encoder.name={name} needs KerasHub: "
            'pip install "keras-twins[hub]"'
        ) from error
    _refuse_imagenet(name, weights)
    try:
        body = keras_hub.models.Backbone.from_preset(
            preset, load_weights=weights is None
        )
    except Exception as error:  # Kaggle, Hugging Face and files raise each their own.
        raise InputError(
            f"--config.encoder.name={name}: the preset cannot be loaded "
            f"({named.one_line(error)})"
        ) from error
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except ValueError:  # A preset without one.
        return body, None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return body, adapted.Scaling(_per_channel(scale), _per_channel(offset))


def _per_channel(values):
    values = values if isinstance(values, (list, tuple)) else (values,) * 3
    return tuple(map(float, values))


def _from_file(name, weights):
    """A model that was saved; one that begins by scaling pixels takes pixels."""
    path = pathlib.Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"--config.encoder.name={name}: there is no such file")
    body = load(f"encoder.name={name}", path)
    if isinstance(body, models.Twins):
        raise InputError(
            f"--config.encoder.name={name} is a whole model: give the encoder.keras "
            f"beside it, or --config.init_from={name}"
        )
    _refuse_imagenet(name, weights)
    if weights == "none":
        body = keras.models.clone_model(body)
    return body, adapted.PIXELS if adapted.takes_pixels(body) else None


def load(flag, path):
    """Loads a model that was saved; what is wrong with the file is one line.

    Raises:
        InputError: for a file that holds no model, which `flag` names.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Zip, HDF5, JSON and Keras raise each their own.
        raise InputError(
            f"--config.{flag}: not a model that can be loaded ({named.one_line(error)})"
        ) from error


def _refuse_imagenet(name, weights):
    if weights == "imagenet":
        raise InputError(
            f"--config.encoder.weights=imagenet: {name} has no such weights; give "
            "none, or the path of a weights file"
        )


def _check_shape(name, body, shape):
    """Raises InputError where an encoder does not take the views."""
    expected = body.input_shape
    if not isinstance(expected, tuple) or len(expected) != 4:
        raise InputError(
            f"--config.encoder.name={name}: expected a model of one batch of images, "
            f"and its input is {expected}"
        )
    sides = zip(expected[1:], shape, strict=True)
    if any(side not in (None, given) for side, given in sides) and shape[0] is None:
        raise InputError(
            f"--config.encoder.name={name} takes images of {expected[1:]}, and the "
            "views have several sizes (--config.sizes, "
            "--config.views.further_views.image_size): give views of one size, or an "
            "encoder of images of any size"
        )
    if any(side not in (None, given) for side, given in sides):
        raise InputError(
            f"--config.encoder.name={name} takes images of {expected[1:]}: give "
            f"--config.views.image_size={expected[1]} and "
            f"--config.evaluation.image_size={expected[1]}"
        )


def _load_weights(body, weights):
    path = pathlib.Path(weights).expanduser()
    if not path.is_file():
        raise InputError(
            f"--config.encoder.weights={weights}: expected imagenet, none or a file of "
            "weights"
        )
    try:
        body.load_weights(path)
    except Exception as error:  # HDF5, zip and Keras raise each their own.
        raise InputError(
            f"--config.encoder.weights={weights} does not fit the encoder "
            f"({named.one_line(error)})"
        ) from error
