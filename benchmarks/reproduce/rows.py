"""What is reproduced: configurations, what changes in them, published figures."""

import dataclasses

WIDTHS = (128, 512, 2048, 8192)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of results/table.md.

    Attributes:
        name: str, of the files of its results.
        config: str, as `keras-twins train --config=` takes it.
        overrides: dict from a key of the configuration to its value.
        published: str, a figure with its source; empty where there is none.
        labels: str, the split that an evaluation learns from; empty for the one that
            was trained on.
    """

    name: str
    config: str
    overrides: dict = dataclasses.field(default_factory=dict)
    published: str = ""
    labels: str = ""


def _width(loss, form, width, weight_times_width):
    # The quick configuration with half its channels and a seventh of its epochs: what
    # two cores do in minutes, or half an hour where the matrix is 8192 x 8192.
    overrides = {
        "encoder.widths": (16, 24, 48, 96),
        "loss.name": loss,
        "loss.form": form,
        "projector": (512, width),
        "epochs": 4,
        "evaluation.every_epochs": 0,
    }
    name = f"{loss}-{form}-{width}"
    if weight_times_width:
        overrides["loss.redundancy_weight"] = weight_times_width / width
        name += f"-{weight_times_width}-over-width"
    return Row(name, "configs/cifar10_quick.py", overrides)


# With the configuration's one weight, the D (D - 1) off-diagonal terms outweigh the D
# diagonal ones ever more as D grows. Two more lines keep the balance: the note's, 1/128
# at D = 128, and that of the configuration, about 8/2048.
_LINES = (("gram", None), ("correlation", None), ("gram", 1), ("gram", 8))

# Does width pay once it is free?
QUICK = [
    _width(loss, form, width, weight_times_width)
    for form, weight_times_width in _LINES
    for loss in ("barlow_twins", "hsic")
    for width in WIDTHS
]

_SOLO = "linear, online, 1000 epochs (solo-learn's README, its own settings)"
_LIGHTLY = "kNN (k 200), 200 epochs, batch 128 (lightly's benchmarks, its own settings)"
_OFFICIAL = "linear, 1000 epochs (facebookresearch/barlowtwins)"

# What the configurations are in full, for GPUs.
FULL = [
    Row("cifar10", "configs/cifar10.py", published=f"92.10 % {_SOLO}"),
    Row("cifar10-hsic", "configs/cifar10.py:hsic"),
    Row(
        "cifar10-200-epochs",
        "configs/cifar10.py",
        {"epochs": 200},
        f"84.2 % {_LIGHTLY}",
    ),
    Row("stl10", "configs/stl10.py", labels="train"),
    Row("stl10-hsic", "configs/stl10.py:hsic", labels="train"),
    Row("tiny_imagenet", "configs/tiny_imagenet.py"),
    Row("tiny_imagenet-hsic", "configs/tiny_imagenet.py:hsic"),
    Row("imagenet", "configs/imagenet.py", published=f"73.5 % {_OFFICIAL}"),
]

GROUPS = {"quick": QUICK, "full": FULL}
