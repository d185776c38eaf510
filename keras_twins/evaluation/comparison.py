"""What a trained encoder is compared with, and the table of the comparison."""

import dataclasses

import numpy as np
import tensorflow as tf
from absl import logging

from keras_twins.errors import InputError
from keras_twins.evaluation.embedding import embed
from keras_twins.evaluation.knn import knn_accuracy
from keras_twins.evaluation.probe import few_labels, linear_probe

# Which images are labelled matters where few are: the mean of so many draws is told.
_DRAWS = 5

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
    """

    name: str
    knn: float
    linear_probe: float
    few_label_probe: float
    k: int
    few: int


def compare(
    encoders, train, test, *, k=200, temperature=0.5, few=10, seed=0, verbose=0
):
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
        seed: int, of the probes.
        verbose: 0 or 1, whether to show progress bars.

    Returns:
        A `Row` for each encoder, in their order.

    Raises:
        InputError: for a dataset without labels, and as `embed`, `knn_accuracy` and
            `linear_probe`.
    """
    rows = []
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
        rows.append(
            Row(
                name=name,
                knn=knn_accuracy(*data, k=k, temperature=temperature),
                linear_probe=linear_probe(*data, seed=seed),
                few_label_probe=_few_label_probe(*data, few, seed),
                k=k,
                few=few,
            )
        )
    return rows


def raw_pixels(images):
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


def format_table(rows):
    """The rows as a table to print.

    Args:
        rows: list of `Row`, of one call of `compare`.

    Returns:
        `rich.table.Table`.
    """
    from rich.table import Table

    table = Table()
    table.add_column("features")
    for title in (
        f"kNN (k {rows[0].k})",
        "linear probe",
        f"probe, {rows[0].few} labels a class",
    ):
        table.add_column(title, justify="right")
    for row in rows:
        accuracies = row.knn, row.linear_probe, row.few_label_probe
        table.add_row(row.name, *(f"{100 * accuracy:.2f} %" for accuracy in accuracies))
    return table


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


def _few_label_probe(train_x, train_y, test_x, test_y, few, seed):
    accuracies = []
    for draw in range(seed, seed + _DRAWS):
        drawn = few_labels(train_y, few, seed=draw)
        accuracies.append(
            linear_probe(train_x[drawn], train_y[drawn], test_x, test_y, seed=draw)
        )
    return float(np.mean(accuracies))
