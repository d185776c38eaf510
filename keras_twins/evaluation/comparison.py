"""What a trained encoder is compared with."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from scipy import stats

from keras_twins.errors import InputError
from keras_twins.evaluation.embedding import Encoder, embed
from keras_twins.evaluation.fine_tuning import finetune
from keras_twins.evaluation.knn import knn_accuracy
from keras_twins.evaluation.probe import Protocol, few_labels, linear_probe

# Which images are labelled matters where few are: the mean of so many draws is told.
_DRAWS = 5
_FINE_TUNED_DRAWS = 3

# Larger pictures are compared at this size, which keeps their pixels few.
_PIXELS = 32


@dataclasses.dataclass(frozen=True)
class Row:
    """How well one encoder's features tell the classes apart.

    Attributes:
        name: str, of the encoder.
        knn: float in 0..1, accuracy of the weighted nearest neighbours.
        linear_probe: float in 0..1, accuracy of a linear probe.
        few_label_probe: float in 0..1, accuracy of a linear probe that saw `few`
            labels of each class, the mean of five draws.
        k: int, how many neighbours voted.
        few: int, how many labels of each class the last probe saw.
        knn_top5: float in 0..1, how often the class is among the five with most votes;
            None for five classes or fewer.
        few_label_interval: float, half the width of the 95 % interval of
            `few_label_probe` over its draws; None where it was not measured.
        fine_tuned: dict from a percentage of the labels, such as "10", to a dict of
            `accuracy` and `interval`, the same of fine-tuned encoders.
    """

    name: str
    knn: float
    linear_probe: float
    few_label_probe: float
    k: int
    few: int
    knn_top5: float | None = None
    few_label_interval: float | None = None
    fine_tuned: dict[str, Any] = dataclasses.field(default_factory=dict)


def compare(
    encoders: Mapping[str, Encoder],
    train: tf.data.Dataset,
    test: tf.data.Dataset,
    *,
    k: int = 200,
    temperature: float = 0.5,
    few: int = 10,
    protocol: Protocol = "lbfgs",
    fine_tune: Sequence[float] = (),
    seed: int = 0,
    verbose: int = 0,
) -> list[Row]:
    """Evaluates several encoders on one data set.

    A training set with fewer than `k` images, or a class with fewer than `few`, is
    evaluated with as many as there are; a warning says so, and so do the rows.

    Args:
        encoders: dict from a name to an encoder, as `embed` takes them; `raw_pixels` is
            one to compare with.
        train: `tf.data.Dataset` of `(images, labels)`, as `embed` takes them.
        test: the same, of other images.
        k: int, at least 1, neighbours that vote.
        temperature: float above 0; see `knn_accuracy`.
        few: int, at least 2, labels of each class for the last probe.
        protocol: "lbfgs" or "sgd", of the probes; see `linear_probe`.
        fine_tune: percentages of the labels, above 0 and up to 100, to fine-tune the
            encoders that are Keras models with; see `keras_twins.evaluation.finetune`.
        seed: int, of the probes and the fine-tuning.
        verbose: 0 or 1, whether to show progress bars.

    Returns:
        A `Row` for each encoder, in their order.

    Raises:
        InputError: for a dataset without labels, and as `embed`, `knn_accuracy` and
            `linear_probe`.
    """
    rows: list[Row] = []
    for name, encoder in encoders.items():
        if verbose:
            print(name, flush=True)
        train_x, train_y = _embed_labelled("training", encoder, train, verbose)
        test_x, test_y = _embed_labelled("test", encoder, test, verbose)
        if not rows:
            k = _at_most(len(train_x), k, "neighbours", "training images")
            smallest_class = np.unique(train_y, return_counts=True)[1].min()
            few = _at_most(smallest_class, few, "labels a class", "in one class")
        data = train_x, train_y, test_x, test_y
        draws = _few_label_probes(*data, few, seed, protocol)
        knn = functools.partial(knn_accuracy, *data, k=k, temperature=temperature)
        several = len(np.unique(train_y)) > 5
        rows.append(
            Row(
                name=name,
                knn=knn(),
                knn_top5=knn(top=5) if several else None,
                linear_probe=linear_probe(*data, seed=seed, protocol=protocol),
                few_label_probe=float(np.mean(draws)),
                few_label_interval=interval(draws),
                k=k,
                few=few,
                fine_tuned=_fine_tuned(encoder, train, test, fine_tune, seed, verbose),
            )
        )
    return rows


def interval(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of a mean, by Student's t.

    Args:
        values: sequence of floats, one a seed.

    Returns:
        float, or None for a single value.

    Examples:
        >>> import keras_twins as kt
        >>> round(kt.evaluation.interval([0.5, 0.6, 0.7]), 4)  # 4.3027 · 0.1 / √3
        0.2484
    """
    if len(values) < 2:
        return None
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(stats.t.ppf(0.975, len(values) - 1) * error)


def raw_pixels(images: tf.Tensor) -> tf.Tensor:
    """The encoder that learned nothing: the pixels themselves.

    Args:
        images: `(batch_size, height, width, channels)` tensor.

    Returns:
        `(batch_size, D)` float32 tensor; of pictures larger than 32×32, of a 32×32
        version.
    """
    images = tf.cast(images, tf.float32)
    if max(images.shape[1:3]) > _PIXELS:
        images = tf.image.resize(images, (_PIXELS, _PIXELS), antialias=True)
    return tf.reshape(images, (len(images), -1))


def _embed_labelled(name, encoder, dataset, verbose):
    features, labels = embed(encoder, dataset, verbose=verbose)
    if labels is None:
        raise InputError(
            f"The {name} set has no labels. Expected a dataset of `(images, labels)`: "
            "accuracies cannot be told without. Received: images alone"
        )
    return features, labels


def _at_most(there, asked, what, where):
    if there < asked:
        logging.warning(
            "Evaluating with %d %s instead of %d: there are only %d %s.",
            *(there, what, asked, there, where),
        )
    return int(min(there, asked))


def _few_label_probes(train_x, train_y, test_x, test_y, few, seed, protocol):
    accuracies = []
    for draw in range(seed, seed + _DRAWS):
        drawn = few_labels(train_y, few, seed=draw)
        data = train_x[drawn], train_y[drawn], test_x, test_y
        accuracies.append(linear_probe(*data, seed=draw, protocol=protocol))
    return accuracies


def _fine_tuned(encoder, train, test, percentages, seed, verbose):
    """Accuracies after fine-tuning; none for what has no weights."""
    if not isinstance(encoder, keras.Model):
        return {}
    found = {}
    for percentage in percentages:
        # All labels are one draw; few are another set of images in each.
        draws = 1 if percentage == 100 else _FINE_TUNED_DRAWS
        accuracies = [
            finetune(
                encoder, train, test, share=percentage / 100, seed=s, verbose=verbose
            )
            for s in range(seed, seed + draws)
        ]
        found[f"{percentage:g}"] = {
            "accuracy": float(np.mean(accuracies)),
            "interval": interval(accuracies),
        }
    return found
