"""A new run that starts from the weights of an earlier one."""

import pathlib

import keras

from keras_twins import models
from keras_twins.errors import InputError
from keras_twins.models import adapted
from keras_twins.runs import encoders
from keras_twins.runs.workdir import Workdir


def start_from(model, path):
    """Copies the weights of an earlier encoder, and of its other networks if they fit.

    Only what layers hold counts, so that the views may have another size. A teacher
    begins as the copy of what the student begins with, whether or not there was one.

    Args:
        model: `keras_twins.models.Twins` that is to be trained.
        path: str, the folder of a run that has ended, its `model.keras`, or an
            `encoder.keras`.

    Raises:
        InputError: for a file that holds no such model, or an encoder of other layers;
            the first that differs is named.
    """
    flag = f"--config.init_from={path}"
    encoder, projector, predictor = _read(flag, path)
    difference = _difference(encoder, model.encoder)
    if difference:
        raise InputError(f"{flag} has another encoder: {difference}")
    _copy(encoder, model.encoder)
    said = ["its encoder", _take("projector", projector, model.projector)]
    if model.predictor is not None:
        said.append(_take("predictor", predictor, model.predictor))
    if model.teacher is not None:
        model.teacher.begin_as(model.encoder, model.projector)
        said.append("the teacher is a copy of them")
    print(f"starting from {path}: {', '.join(said)}")


def _take(name, old, new):
    """Copies a network where it fits; what was done, in words."""
    if old is None:
        return f"it has no {name}, which starts anew"
    if difference := _difference(old, new):
        return f"the {name} starts anew: {difference}"
    _copy(old, new)
    return f"and its {name}"


def _read(flag, path):
    """The encoder, projector and predictor behind a path; None for what it lacks."""
    path = pathlib.Path(path).expanduser()
    if path.is_dir():
        workdir = Workdir(path)
        if not workdir.model.exists():
            raise InputError(
                f"{flag} holds no model.keras: its run has not ended; the command that "
                "trained it goes on"
            )
        path = workdir.model
    if not path.is_file():
        raise InputError(f"{flag}: there is no such file or folder")
    found = encoders.load(flag.removeprefix("--config."), path)
    if isinstance(found, models.Twins):
        return found.encoder, found.projector, found.predictor
    if not isinstance(found, keras.Model):
        raise InputError(f"{flag} is not a model")
    return found, None, None


def _difference(old, new):
    """The first layer in which two models differ, in words; nothing where none does."""
    theirs, ours = adapted.weighted_layers(old), adapted.weighted_layers(new)
    for there, here in zip(theirs, ours, strict=False):
        if _shapes(there) != _shapes(here):
            return (
                f"layer {there.name} has weights of {_shapes(there)} there, and "
                f"{here.name} of {_shapes(here)} here"
            )
    if len(theirs) != len(ours):
        name = max(theirs, ours, key=len)[min(len(theirs), len(ours))].name
        side = "here" if len(theirs) > len(ours) else "there"
        return f"layer {name} has no counterpart {side}"
    return ""


def _shapes(layer):
    return ", ".join("×".join(map(str, weight.shape)) for weight in _held(layer))


def _copy(old, new):
    pairs = zip(adapted.weighted_layers(old), adapted.weighted_layers(new), strict=True)
    for there, here in pairs:
        for source, target in zip(_held(there), _held(here), strict=True):
            target.assign(source)


def _held(layer):
    """A layer's weights in an order that does not depend on what is frozen."""
    return sorted(layer.weights, key=lambda weight: weight.name)
