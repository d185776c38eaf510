r"""Barlow Twins on any folder of photographs, in the time that you have.

What it trains: a small residual network (a 7×7 stem with pooling, and a block each of
32, 64, 128 and 256 channels, 1.2 million weights), without labels. What is open is
decided from the folder when the run begins, said, and kept in its `plan.json`:

- the views' size, 64, 96, 128 or 224 pixels: half the shorter side of a photograph;
- the batch, 32 to 256: an eighth of the collection;
- the epochs, 20 to 200: 4 million images shown in all. With --config.minutes, as many
  as fit into that time, from steps that are measured.

    keras-twins train --config=configs/photos.py --workdir=runs/photos \
      --config.dataset=folder:/path/to/photos --config.minutes=30

    :hsic       the note's HSIC loss, at the same weight
    :test       a few seconds, on the digits

Any of these can be given instead: --config.views.image_size=128,
--config.batch_size=64, --config.epochs=50. docs/photographs.md shows the whole way, and
pretrained encoders.

Measured on two cores: 1 600 mixed files, of which 20 are broken and 35 not images, from
`train` with --config.minutes=5 to the report in 5.5 minutes, 9.5 core-minutes (51
epochs at 96 pixels): `python -m benchmarks.mixed_folder --photos=FOLDER --minutes=5`.
"""

from ml_collections import config_dict

from keras_twins.configs import common


def get_config(options=""):
    config = common.base(views="imagenet")
    config.dataset = "folder:photos"
    config.views.image_size = config_dict.placeholder(int)
    config.evaluation.image_size = config_dict.placeholder(int)
    config.batch_size = config_dict.placeholder(int)
    config.max_bad_images = 0.1  # archives hold more torn files than data sets do
    config.epochs = config_dict.placeholder(int)

    # Crops of a quarter of the area and more: a short training has no time for less.
    for view in (config.views.view_a, config.views.view_b):
        view.crop_scale = (0.25, 1.0)

    config.encoder = {
        "name": "residual_encoder",
        "stem": "imagenet",
        "widths": (32, 64, 128, 256),
        "depths": (1, 1, 1, 1),
        "output_norm": True,
    }
    config.projector = (512, 2048)
    config.loss.redundancy_weight = 0.004
    config.optimizer.name = "adamw"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.weight_decay = 1e-4
    config.evaluation.temperature = 0.07
    return common.with_options(config, options)
