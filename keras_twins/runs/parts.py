"""From a configuration to the parts of a run, one function per part."""

import contextlib
import dataclasses

import keras
import tensorflow as tf

from keras_twins import data, distribution, models, optimizers
from keras_twins.augment import TwoViews
from keras_twins.errors import InputError, UnreadableImage
from keras_twins.runs import encoders, further_views, methods, named, of_sounds

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "lars": optimizers.LARS,
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs that are trained on views of one size."""

    first_epoch: int
    end_epoch: int
    image_size: int


def stages(config):
    """The stages of the training: `config.sizes` spread over `config.epochs`.

    Views of recordings have one length.

    `config.sizes` holds `(image_size, epochs)` pairs for what comes before the views of
    full size.
    """
    if config.data_service and config.views_on_device:
        raise InputError(
            "--config.data_service and --config.views_on_device exclude each other: "
            "the model makes the views that the service is to make"
        )
    if config.sizes and of_sounds.is_it(config):
        raise InputError(
            f"--config.sizes={config.sizes}: views of recordings have one length, "
            "--config.views.frames"
        )
    if config.sizes and config.views_on_device:
        raise InputError(
            "--config.sizes and --config.views_on_device exclude each other: the model "
            "makes views of one size"
        )
    found, epoch = [], 0
    for image_size, epochs in config.sizes:
        found.append(Stage(epoch, epoch + epochs, image_size))
        epoch += epochs
    if epoch >= config.epochs:
        raise InputError(
            f"--config.sizes={config.sizes} takes {epoch} epochs, of which "
            f"--config.epochs={config.epochs} leaves none at full size"
        )
    return [*found, Stage(epoch, config.epochs, config.views.get("image_size"))]


def views(config, image_size=None):
    """The layer of the configuration's views, the first two small or of full size.

    Where evaluation sees images at the size of the views, it prepares them as
    evaluation does. A layer by `module:name` takes the arguments of `TwoViews`.
    """
    if of_sounds.is_it(config):
        return of_sounds.views(config)
    spec = config.views.to_dict()
    if image_size is not None:
        spec["image_size"] = image_size
    same_size = spec["image_size"] == config.evaluation.image_size
    settings = {
        "seed": config.seed,
        "resize": config.evaluation.resize if same_size else None,
    }
    further = further_views.given(config)
    spec.pop("further_views", None)
    if further:
        spec["further_views"] = further
    name = spec.pop("name", None)
    if name is None:
        return TwoViews(spec, **settings)
    return named.make({}, "views", {"name": name}, spec, **settings)


def steps_per_epoch(config, source, strategy):
    """Steps of an epoch; an incomplete last batch is dropped."""
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise InputError(
            f"--config.batch_size={config.batch_size} cannot be shared by {replicas} "
            "replicas: give a multiple"
        )
    if config.data_service and distribution.several_workers(strategy):
        raise InputError(
            "--config.data_service serves one process: to several workers it gives "
            "batches in no common order"
        )
    if source.num_images < config.batch_size:
        raise InputError(
            f"--config.batch_size={config.batch_size} is more than the "
            f"{source.num_images} {source.word}s of {config.dataset}"
        )
    return source.num_images // config.batch_size


def check_input(config, source):
    """Raises InputError where the training pairs could not be made of a source."""
    for stage in stages(config):
        views(config, stage.image_size)
    if not config.views_on_device:
        return
    try:
        shape = source.image_shape
    except UnreadableImage:
        return  # The first pass names it, and leaves it out.
    if None in shape:
        raise InputError(
            f"--config.views_on_device=True needs {source.word}s of one size; those of "
            f"{config.dataset} differ in size"
        )


def training_pairs(config, images, steps_per_epoch, first_epoch, first_step=0):
    """The views from `first_step` of epoch `first_epoch` on, in batches.

    Images alone where the model makes the views.
    """
    pairs = None
    for stage in stages(config):
        if stage.end_epoch <= first_epoch:
            continue
        begin = max(first_epoch, stage.first_epoch)
        skipped = first_step if begin == first_epoch else 0
        settings = {"seed": config.seed, "start": (begin, skipped)}
        if config.views_on_device:
            part = data.image_batches(images, config.batch_size, **settings)
        else:
            part = data.two_view_pipeline(
                images,
                views(config, stage.image_size),
                config.batch_size,
                service=config.data_service,
                **settings,
            )
        part = part.take(steps_per_epoch * (stage.end_epoch - begin) - skipped)
        pairs = part if pairs is None else pairs.concatenate(part)
    options = tf.data.Options()
    # Several workers cut the same global batches into their shares.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return pairs.with_options(options)


def encoder(config):
    """The configured encoder, which takes normalised images or log-mels."""
    if of_sounds.is_it(config):
        return encoders.make(config, of_sounds.encoder_shape(config))
    several = config.sizes or further_views.of_several_sizes(config)
    size = None if several else config.views.image_size
    return encoders.make(config, (size, size, 3))


def import_encoder(config):
    """Imports the module of a named encoder, which may register layers of its own."""
    with contextlib.suppress(InputError):  # Most encoders load without it.
        encoders.find(config.encoder.name)


def model(config):
    """The configured `Twins`, with weights that the seed decides."""
    keras.utils.set_random_seed(config.seed)
    body = encoder(config)
    _check_evaluation_size(config, body)
    head = models.projector(
        body.output_shape[-1], config.projector, config.projector_unit_length
    )
    device_views = None
    if config.views_on_device:
        device_views = views(config)
    return methods.model(config, body, head, device_views)


def _check_evaluation_size(config, body):
    if of_sounds.is_it(config):
        return  # Recordings are evaluated whole.
    size = config.evaluation.image_size
    if any(side not in (None, size) for side in body.input_shape[1:3]):
        raise InputError(
            f"--config.evaluation.image_size={size} does not fit the encoder, which "
            f"takes images of {body.input_shape[1]} pixels "
            "(--config.views.image_size)"
        )


def saved_encoder(config, body):
    """The encoder that is saved, evaluated and served.

    It takes pixels in 0..255, or log-mels as they are.
    """
    if of_sounds.is_it(config):
        return of_sounds.saved_encoder(config, body)
    return models.with_normalisation(body, config.views.mean, config.views.std)


def optimizer(config, steps_per_epoch, encoder=None):
    """The configured optimizer: linear warm-up, then a cosine to `final_rate`.

    Args:
        config: `ConfigDict`.
        steps_per_epoch: int.
        encoder: `keras.Model`, whose weights take `config.optimizer.encoder_rate` times
            the rate, where that is set.
    """
    slow = config.optimizer.get("encoder_rate")
    if slow is None or encoder is None:
        return _optimizer(config, steps_per_epoch, 1.0)
    return optimizers.TwoRates(
        _optimizer(config, steps_per_epoch, slow),
        _optimizer(config, steps_per_epoch, 1.0),
        len(encoder.trainable_variables),
    )


def _optimizer(config, steps_per_epoch, factor):
    arguments = config.optimizer.to_dict()
    arguments.pop("encoder_rate", None)
    peak = factor * arguments.pop("learning_rate")
    warmup = arguments.pop("warmup_epochs")
    final = arguments.pop("final_rate")
    if not 0 <= warmup < config.epochs:
        raise InputError(
            f"--config.optimizer.warmup_epochs={warmup} must be at least 0 and less "
            f"than --config.epochs={config.epochs}"
        )
    warmup_steps = round(warmup * steps_per_epoch)
    total = config.epochs * steps_per_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else peak,
        decay_steps=total - warmup_steps,
        alpha=final,
        warmup_target=peak if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    made = named.make(_OPTIMIZERS, "optimizer", arguments, learning_rate=schedule)
    if not isinstance(made, keras.optimizers.Optimizer):
        raise InputError(
            f"--config.optimizer.name={arguments['name']}: expected a Keras optimizer, "
            f"and it is a {type(made).__name__}"
        )
    return made


def check_callbacks(config):
    """Raises InputError where a further callback does not exist; makes none."""
    for index, entry in enumerate(config.get("callbacks") or ()):
        name = entry if isinstance(entry, str) else entry["name"]
        named.find(f"callbacks[{index}]", name)


def further_callbacks(config):
    """What `config.callbacks` names, made in its order.

    Returns:
        list of `keras.callbacks.Callback`. What gives none, such as `wandb:init`, has
        been called and is said.
    """
    found = []
    for index, entry in enumerate(config.get("callbacks") or ()):
        key = f"callbacks[{index}]"
        arguments = {"name": entry} if isinstance(entry, str) else dict(entry)
        made = named.make({}, key, arguments)
        if isinstance(made, keras.callbacks.Callback):
            found.append(made)
        else:
            print(f"--config.{key}: called {arguments['name']}, not a callback")
    return found
