"""From a configuration to its method: the loss, and the model that it trains.

A predictor and a teacher make the two sides of a model unlike; see
`keras_twins.models.Twins`. What does not go together is refused here, before anything
is made.
"""

import keras

from keras_twins import losses, models
from keras_twins.errors import InputError
from keras_twins.losses.mixed import check_loss, mixed_levels
from keras_twins.models.pair_losses import as_pair_loss
from keras_twins.runs import further_views, named

_LOSSES = {
    "barlow_twins": losses.BarlowTwinsLoss,
    "hsic": losses.HSICLoss,
    "vicreg": losses.VICRegLoss,
    "frossl": losses.FroSSLLoss,
    "sigreg": losses.SIGRegLoss,
    "ssl_hsic": losses.SSLHSICLoss,
    "nt_xent": losses.NTXentLoss,
    "negative_cosine": losses.NegativeCosineLoss,
}
_MIXED = "mixed_twins"
_MODELS = {"twins": models.Twins, _MIXED: models.MixedTwins}


def loss(config):
    """The configured loss; what it draws is decided by the seed of the run."""
    found = named.make(_LOSSES, "loss", {"seed": config.seed} | config.loss.to_dict())
    named.call("loss.name", as_pair_loss, found)
    further_views.check_loss(config, found)
    return found


def model(config, encoder, projector, views=None):
    """The configured `Twins`.

    Args:
        config: `ConfigDict`.
        encoder: `keras.Model`, as of `Twins`.
        projector: `keras.Model`, as of `Twins`.
        views: layer that makes the views, as of `Twins`.

    Raises:
        InputError: for a model that does not exist, or parts that do not go together.
    """
    check(config)
    settings = _settings(config)
    del settings["final_momentum"]
    hidden, first = settings.pop("predictor"), settings.pop("momentum")
    if hidden is not None:
        width = projector.output_shape[-1]
        settings["predictor"] = models.projector(
            width, (*hidden, width), name="predictor"
        )
    if first is not None:
        settings["momentum"] = first
    made = named.make(
        _MODELS,
        "model",
        {"seed": config.seed} | settings,
        encoder,
        projector,
        views=views,
    )
    if not isinstance(made, models.Twins):
        raise InputError(
            f"--config.model.name={settings['name']}: expected a keras_twins.models."
            f"Twins, and it is a {type(made).__name__}"
        )
    return made


def momentum(config, steps):
    """The momentum of the teacher over a training; None where there is no teacher.

    Args:
        config: `ConfigDict`.
        steps: int, of all epochs.

    Returns:
        float, or a cosine from `momentum` to `final_momentum`.
    """
    settings = _settings(config)
    first, last = settings["momentum"], settings["final_momentum"]
    if last is None or first == last:
        return first
    return keras.optimizers.schedules.CosineDecay(first, steps, alpha=last / first)


def described(config):
    """What the model has beside an encoder and a projector, a dict of texts."""
    settings = _settings(config)
    hidden, first = settings["predictor"], settings["momentum"]
    last, found = settings["final_momentum"], {}
    if settings["name"] != "twins":
        found["model"] = settings["name"]
    if hidden is not None:
        found["predictor"] = "-".join(map(str, (*hidden, config.projector[-1])))
    if first is not None:
        found["teacher"] = f"momentum {first:g}"
        found["teacher"] += "" if last in (None, first) else f" to {last:g}"
    return found


def reading(config):
    """How the terms of a run are read.

    Returns:
        `(term_names, levels)`: a tuple of str, and `keras_twins.losses.Levels` or None.
        A loss from elsewhere has neither.
    """
    found, settings = loss(config), _settings(config)
    if not isinstance(found, losses.PairLoss):
        return (), None
    sizes = (config.batch_size, config.projector[-1])
    if settings["name"] != _MIXED:
        views = further_views.count(config)
        # Two views are all that most losses know of.
        levels = found.levels(*sizes) if views == 2 else found.levels(*sizes, views)
        return found.term_names, levels
    scale = settings.get("mixing_scale", models.MixedTwins.MIXING_SCALE)
    return (*found.term_names, "mixed"), mixed_levels(found, scale, *sizes)


def import_model(config):
    """Imports the module of a named model, which may register a class of its own."""
    name = _settings(config)["name"]
    if named.is_named(name):
        named.find("model.name", name)


def check(config):
    """Refuses a loss and a model that do not go together.

    Raises:
        InputError: naming the first key that cannot be used.
    """
    settings, found = _settings(config), loss(config)
    if settings["name"] == _MIXED:
        for key in ("predictor", "momentum"):
            if settings[key] is not None:
                raise InputError(
                    f"--config.model.{key}={settings[key]}: the two sides of {_MIXED} "
                    f"are alike; leave {key} at None, or --config.model.name"
                )
        named.call("model.name", check_loss, found)
    _check_predictor(config, settings, found)
    _check_further_views(config, settings)
    first, last = settings["momentum"], settings["final_momentum"]
    if last is not None and not first:
        raise InputError(
            f"--config.model.final_momentum={last:g}: there is no --config.model."
            "momentum above 0 to begin with; give it, such as 0.99"
        )


def _check_predictor(config, settings, found):
    """Refuses a predictor or targets without a gradient, each without the other."""
    hidden, name = settings["predictor"], config.loss.name
    if getattr(found, "predicts", False) and hidden is None:
        raise InputError(
            f"--config.loss.name={name} collapses without a predictor: give the widths "
            "of its hidden layers, such as --config.model.predictor=(512,)"
        )
    if hidden is not None and not getattr(found, "stop_gradient", True):
        raise InputError(
            "--config.loss.stop_gradient=False: the targets of a predictor have no "
            "gradient; leave it at True"
        )


def _check_further_views(config, settings):
    """Refuses further views of a model that takes two."""
    count = further_views.count(config) - 2
    asked = [key for key in ("predictor", "momentum") if settings[key] is not None]
    asked += ["name"] * (settings["name"] == _MIXED)
    if count and asked:
        raise InputError(
            f"--config.views.further_views.count={count}: a model with "
            f"--config.model.{asked[0]}={settings[asked[0]]} takes 2 views; leave out "
            "one of them"
        )


def _settings(config):
    """`config.model`, each key with a value; runs of earlier versions have none."""
    given = config.get("model")
    settings = dict.fromkeys(("predictor", "momentum", "final_momentum"))
    settings |= given.to_dict() if given else {}
    return settings | {"name": settings.get("name") or "twins"}
