"""What Keras would accept of a `Twins`, and its steps would then ignore."""

from typing import Any

import keras

_REASONS = {
    "loss_weights": "there is one loss",
    "metrics": "the terms of the loss are the metrics",
    "weighted_metrics": "the terms of the loss are the metrics",
    "sample_weight": "the loss compares whole batches",
    "class_weight": "the loss compares whole batches",
}


def check_arguments(**arguments: Any) -> None:
    """Refuses arguments of `compile` or `fit` that no step looks at.

    Args:
        **arguments: those of `_REASONS`, as they were given.

    Raises:
        ValueError: where one is not None.
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{name}` has no effect in `Twins`: {_REASONS[name]}. Expected None. "
                f"Received: {name} of type {type(value).__name__}"
            )


def check_overrides(model_class: type[keras.Model]) -> None:
    """Refuses a subclass that overrides what no step calls.

    Args:
        model_class: the class of a model that is compiled.

    Raises:
        ValueError: where it has its own `compute_loss` or `compute_metrics`.
    """
    for name in ("compute_loss", "compute_metrics"):
        if getattr(model_class, name) is not getattr(keras.Model, name):
            raise ValueError(
                f"No step of `Twins` calls `{name}`. Expected a subclass that "
                f"overrides `batch_terms`. Received: {model_class.__name__}.{name}"
            )
