"""The keys that every configuration has, with defaults that train something."""

from ml_collections import ConfigDict, config_dict

from keras_twins.augment import preset


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
    config.train_split = "train"
    config.test_split = "test"
    config.batch_size = 256
    config.data_service = config_dict.placeholder(str)  # "grpc://host:port"

    # Views.
    config.views = preset(views)
    config.sizes = ()  # (image_size, epochs) of smaller views that are trained first
    config.views_on_device = False

    # Model and loss.
    config.encoder = ConfigDict({"name": "resnet18", "stem": "cifar"})
    config.projector = (512, 128)
    config.loss = ConfigDict(
        {
            "name": "barlow_twins",
            "redundancy_weight": 0.0078125,
            "eps": 1e-5,
            "ddof": 0,
            "form": "auto",
        }
    )
    config.precision = "float32"  # or "mixed_float16", "mixed_bfloat16"

    # Optimization.
    config.epochs = 100
    config.optimizer = ConfigDict(  # the cosine ends at final_rate × learning_rate
        {
            "name": "adam",
            "learning_rate": 1e-3,
            "weight_decay": 1e-6,
            "warmup_epochs": 10.0,
            "final_rate": 0.0,
        }
    )

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
