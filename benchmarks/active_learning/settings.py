"""What is trained on each data set, and for how long."""

import dataclasses

CLASSES, BATCH_SIZE, LABELLED_ROWS = 10, 128, 32
LEARNERS = ("supervised", "probe", "fine-tuning", "joint")
QUERIES = ("random", "chosen")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One data set: its sizes, its encoder and the lengths of the trainings.

    Attributes:
        pool: int, training images that can be labelled.
        test: int, test images.
        budgets: numbers of labels, one after the other.
        views: name of a preset of `kt.augment.TwoViews`.
        size: int, pixels of a side of a view.
        stem: as of `kt.models.residual_encoder`.
        widths: as of `kt.models.residual_encoder`.
        depths: as of `kt.models.residual_encoder`.
        projector: widths of the projector.
        redundancy_weight: float, λ of Barlow Twins.
        epochs: int, of the training without labels.
        steps: int, of a training with labels, for each budget.
    """

    pool: int
    test: int
    budgets: tuple[int, ...]
    views: str
    size: int
    stem: str
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    projector: tuple[int, ...]
    redundancy_weight: float
    epochs: int
    steps: int


SETTINGS = {
    "digits": Setting(
        pool=1437,
        test=360,
        budgets=(20, 40, 100),
        views="digits",
        size=16,
        stem="small",
        widths=(16, 32, 64),
        depths=(1, 1, 1),
        projector=(256, 256),
        redundancy_weight=0.0051,
        epochs=20,
        steps=100,
    ),
    "cifar10": Setting(
        pool=5000,
        test=4000,
        budgets=(40, 100, 200),
        views="cifar10",
        size=32,
        stem="small",
        widths=(16, 24, 48, 96),
        depths=(0, 1, 1, 1),
        projector=(256, 1024),
        redundancy_weight=0.004,
        epochs=12,
        steps=100,
    ),
}
