"""The keys that every configuration has, with defaults that train something.

Each has, beside what its file says, `encoder.weights` (`imagenet`, `none` or a file of
weights), `encoder.frozen` (how many of the first layers, or a tuple of how names of
layers begin) and `optimizer.encoder_rate` (the encoder's share of the learning rate).

What follows a colon, as in `--config=configs/stl10.py:hsic,test`, are options:

    hsic        the note's HSIC loss, at the weight that the file has
    official    loss, projector, optimizer and batch of the official Barlow Twins code
    test        a few seconds: the digits, a small encoder, two epochs; of recordings,
                those that are given

A file may offer other methods as well, such as `vicreg`: see configs/methods.py.
"""

from ml_collections import ConfigDict, config_dict

from keras_twins.augment import preset
from keras_twins.configs import methods


def base(views):
    """A configuration with the views of a preset; a config file changes what it must.

    Args:
        views: str, name of a preset of `keras_twins.augment`; its parameters become
            `config.views`, both views written out.
    """
    config = ConfigDict()
    config.seed = 0

    # Input: "digits", "folder:/path" or the name of a TensorFlow data set.
    config.dataset = "digits"
    config.data_dir = config_dict.placeholder(str)
    config.download = False
    # Features of a TensorFlow data set, such as "left" or "a/b"; None finds them.
    config.image_key = config_dict.placeholder(str)
    config.label_key = config_dict.placeholder(str)
    config.train_split = "train"
    config.test_split = "test"
    config.labels = config_dict.placeholder(str)  # a folder's table of path and label
    config.levels = "auto"  # of 16-bit samples, or "low,high": see docs/collections.md
    config.batch_size = 256
    config.data_service = config_dict.placeholder(str)  # "grpc://host:port"
    config.max_bad_images = 0.01  # share of the images that need not be readable

    # Views. `name` is None for `TwoViews`, or a `module:name` of such a layer.
    config.views = preset(views)
    _add(config.views, name=str)
    # More than two, by count, for a loss that takes them; see docs/configurations.md.
    config.views.further_views = ConfigDict()
    _add(config.views.further_views, count=int, image_size=int, crop_scale=tuple)
    config.sizes = ()  # (image_size, epochs) of smaller views that are trained first
    config.views_on_device = False

    # Model and loss.
    config.encoder = ConfigDict({"name": "resnet18", "stem": "cifar"})
    config.projector = (512, 128)
    config.projector_unit_length = False
    # `name` is None for `Twins`, "mixed_twins", or a `module:name` of a subclass. With
    # `momentum` there is a teacher; it goes to `final_momentum` by a cosine.
    config.model = ConfigDict()
    _add(config.model, name=str, predictor=object)
    _add(config.model, momentum=float, final_momentum=float)
    config.loss = ConfigDict(
        {
            "name": "barlow_twins",
            "redundancy_weight": 0.0078125,
            "eps": 1e-5,
            "ddof": 0,
            "form": "auto",
        }
    )
    config.init_from = config_dict.placeholder(str)  # an earlier run, or a .keras file
    config.precision = "float32"  # or "mixed_float16", "mixed_bfloat16"

    # Optimization.
    config.epochs = 100
    config.minutes = config_dict.placeholder(float)  # decide the epochs, where given
    config.optimizer = ConfigDict(  # the cosine ends at final_rate × learning_rate
        {
            "name": "adam",
            "learning_rate": 1e-3,
            "weight_decay": 1e-6,
            "warmup_epochs": 10.0,
            "final_rate": 0.0,
        }
    )

    config.callbacks = ()  # further ones: "module:name", or {"name": …, argument: …}

    # What is done about faults; see docs/reliability.md.
    config.deterministic = False  # bit for bit the same weights, however often stopped
    config.checkpoint = ConfigDict(  # also at the end of each epoch; 0 for never
        {"every_steps": 0, "every_minutes": 10.0, "keep": 3}
    )
    # Participation ratio less 1, as a share of min(embedding's width, batch) less 1:
    # 0.09 after the digits, 0.08 after three epochs of CIFAR-10. 0 is a collapse.
    config.collapse = ConfigDict({"rank_share": 0.005, "epochs": 5, "stop": False})

    # Evaluation, where the data set has labels.
    config.evaluation = ConfigDict(
        {
            "image_size": config.views.image_size,
            "resize": config_dict.placeholder(int),
            "every_epochs": 10,
            "bank_images": 10_000,  # of the training images, while training
            "k": 200,
            "temperature": 0.5,
        }
    )
    return config


def with_options(config, text, settings=None):
    """The configuration, changed by options separated by commas.

    Args:
        config: `ConfigDict`.
        text: str.
        settings: dict by name of a method, what the file has otherwise with it; None
            for a file that offers no other method.

    Raises:
        ValueError: for an option that does not exist, or that another one excludes.
    """
    offered = settings or {}
    options = [option for option in text.split(",") if option]
    for option in options:
        if option not in _OPTIONS and option not in offered:
            known = ", ".join([*sorted(_OPTIONS), *offered])
            raise ValueError(f"there is no option {option!r}; there are {known}")
    _check_exclusive(options, offered)
    for name in offered:
        if name in options:
            methods.take(config, name, offered[name])
    for name, change in _OPTIONS.items():
        if name in options:
            change(config)
    # Beside what a file gives its encoder and optimizer.
    _add(config.encoder, weights=str, frozen=object)
    _add(config.optimizer, encoder_rate=float)
    return config


def _check_exclusive(options, offered):
    chosen = [o for o in options if o in offered or o == "official"]
    if "hsic" in options and not set(chosen) <= {"mixed", "official"}:
        chosen.append("hsic")
    if len(set(chosen)) > 1:
        raise ValueError(
            f"the options {' and '.join(chosen)} exclude each other: give one of them"
        )


def _add(section, **kinds):
    """Adds keys that are None to a part of a configuration that lacks them."""
    for key, kind in kinds.items():
        if key not in section:
            section[key] = config_dict.placeholder(kind)


def note(config):
    """Settings of the note (arXiv 2104.13712) and its code, for images of any size."""
    config.batch_size = 128
    config.projector = (512, 128)
    config.projector_unit_length = True
    config.loss.redundancy_weight = 0.0078125
    # The code divides by N - 1 where it standardises, and by N in C.
    config.loss.ddof = 1
    config.loss.eps = 0.0
    config.epochs = 1000
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.weight_decay = 1e-6
    config.optimizer.warmup_epochs = 0.0
    config.optimizer.final_rate = 1.0  # a constant rate
    config.evaluation.every_epochs = 5


def official(config):
    """Settings of facebookresearch/barlowtwins, for true gradients.

    On W devices its gradients are 1/W of the true ones, which ours are. LARS divides
    that out for the weights, but not for their decay (W times as strong there) nor for
    biases and norms (whose rate of 0.0048 was W times smaller in effect). With the
    W = 32 of its 1000 epochs, the same steps are:
    """
    devices = 32
    config.batch_size = 2048
    config.projector = (8192, 8192, 8192)
    config.projector_unit_length = False
    config.loss.redundancy_weight = 0.0051
    config.loss.ddof = 0
    config.loss.eps = 1e-5
    config.epochs = 1000
    config.optimizer = ConfigDict(
        {
            "name": "lars",
            "learning_rate": 0.2 * 2048 / 256,
            "weight_decay": 1e-6 * devices,
            "exempt_rate": 0.0048 / 0.2 / devices,
            "warmup_epochs": 10.0,
            "final_rate": 0.001,
        }
    )


def _hsic(config):
    config.loss.name = "hsic"


def _test(config):
    if "log_mel" in config:
        _test_sounds(config)
    else:
        _test_images(config)
    config.evaluation.every_epochs = 1
    config.projector = tuple(min(width, 64) for width in config.projector)
    if config.model.predictor:
        config.model.predictor = (32,)
    config.epochs = 2
    config.optimizer.warmup_epochs = min(config.optimizer.warmup_epochs, 1.0)


def _test_sounds(config):
    config.encoder.update(filters=4, hidden=16)
    config.batch_size = 8


def _test_images(config):
    config.dataset = "digits"
    config.train_split, config.test_split = "train", "test"
    config.batch_size = 256
    config.views.image_size = config.evaluation.image_size = 16
    config.evaluation.resize = None
    config.encoder = ConfigDict({"name": "residual_encoder"})
    config.encoder.update(stem="small", widths=(8, 16), depths=(1, 1))


_OPTIONS = {"hsic": _hsic, "official": official, "test": _test}
