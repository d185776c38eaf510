"""Views or images, and labels, out of a batch in any form that Keras has."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_twins.types import Tensor


class Pair(NamedTuple):
    """The views of each image of a batch, and what else is known of the images."""

    view_a: Tensor
    """`(batch_size, ...)`, the first views."""
    view_b: Tensor
    """`(batch_size, ...)`, the second views of the same images."""
    labels: Any = None
    """Labels as the data give them, for a subclass that uses them; else None."""
    further: tuple[Tensor, ...] = ()
    """`(batch_size, ...)` each, views beside these two, perhaps of another size."""

    @property
    def views(self) -> tuple[Tensor, ...]:
        """All views, from the first one on."""
        return self.view_a, self.view_b, *self.further


def of_views(views: Sequence[Tensor], labels: Any = None) -> Pair:
    """The `Pair` of two or more views."""
    view_a, view_b, *further = views
    return Pair(view_a, view_b, labels, tuple(further))


def pair(batch: Any) -> Pair:
    """The views and labels of a batch for a model that makes no views.

    Args:
        batch: `(view_a, view_b)` or `((view_a, view_b), labels)`, in tuples or lists,
            or `{"image": (view_a, view_b), "label": labels}`; further views may follow
            these two, and Keras may have put them into `(x, y, sample_weight)`.

    Returns:
        `Pair`.

    Raises:
        ValueError: for anything else, and for sample weights.
    """
    x, labels = _parts(batch)
    if _are_views(x):
        return of_views(x, labels)
    if _are_views((x, labels)):
        return of_views((x, labels))
    raise ValueError(
        "A model without `views` is trained on pairs of views. Expected batches "
        "`(view_a, view_b)` or `((view_a, view_b), labels)`, further views after these "
        "two, or a model `Twins(..., views=TwoViews(...))`. "
        f"Received: {_describe(batch)}"
    )


def images(batch: Any) -> tuple[Tensor, Any]:
    """The images and labels of a batch for a model that makes the views.

    Args:
        batch: images, `(images, labels)` or `{"image": images, "label": labels}`; Keras
            may have put them into `(x, y, sample_weight)`.

    Returns:
        `(images, labels)`; labels are None where there are none.

    Raises:
        ValueError: for anything else, for pairs of views and for sample weights.
    """
    x, labels = _parts(batch)
    if _is_tensor(x) and not (_is_tensor(labels) and _alike(x, labels)):
        return x, labels
    raise ValueError(
        "A model with `views` makes the pairs itself. Expected batches of images, "
        '`(images, labels)` or `{"image": images, "label": labels}`. '
        f"Received: {_describe(batch)}"
    )


def _parts(batch):
    """`(x, labels)` of a batch."""
    if isinstance(batch, dict):
        return _image(batch), batch.get("label")
    if not isinstance(batch, (tuple, list)):
        return batch, None
    while batch and batch[-1] is None:  # what Keras adds where nothing was given
        batch = batch[:-1]
    if len(batch) == 1:
        return _parts(batch[0])
    if len(batch) > 2 and _are_views(batch):
        return batch, None
    if len(batch) > 2:
        raise ValueError(
            "Sample weights have no meaning here: the loss compares whole batches. "
            "Expected a batch of one or two parts; labels of pairs are given as "
            f"`((view_a, view_b), labels)`. Received: {_describe(batch)}"
        )
    x, labels = batch or (None, None)
    return _image(x) if isinstance(x, dict) else x, labels


def _image(example):
    if "image" not in example:
        raise ValueError(
            'A dictionary without images. Expected the key "image". '
            f"Received: {_describe(example)}"
        )
    return example["image"]


def _is_tensor(x):
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _are_views(x):
    """Whether these are two views, and further ones that differ in size at most."""
    if not isinstance(x, (tuple, list)) or len(x) < 2 or not all(map(_is_tensor, x)):
        return False
    return _alike(*x[:2]) and all(_alike(x[0], view, 1) for view in x[2:])


def _alike(x, y, last=None):
    """Whether two tensors hold examples of the same shape, as far as it is known.

    Of so many last axes, where a number is given.
    """
    if len(x.shape) != len(y.shape) or len(x.shape) < 2:
        return False
    first = 1 if last is None else -last
    sides = zip(x.shape[first:], y.shape[first:], strict=True)
    return all(None in pair or pair[0] == pair[1] for pair in sides)


def _describe(batch):
    """The structure of a batch, with a type and a shape for each tensor."""
    if isinstance(batch, dict):
        inside = (f"{key!r}: {_describe(value)}" for key, value in batch.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(batch, (tuple, list)):
        return f"({', '.join(map(_describe, batch))})"
    if not _is_tensor(batch):
        return str(batch)
    dtype = getattr(batch.dtype, "name", batch.dtype)
    return f"{dtype} {tuple(batch.shape)}"
