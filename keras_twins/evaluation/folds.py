"""Accuracies over several divisions of one collection, as sets of recordings have."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_twins.evaluation.knn import knn_accuracy
from keras_twins.evaluation.labelled import Labelled
from keras_twins.evaluation.probe import Protocol, linear_probe
from keras_twins.evaluation.rows import (
    Row,
    Settings,
    measured,
    most_frequent,
    unmeasured,
)


@dataclasses.dataclass(frozen=True)
class Division:
    """How a collection is divided into what is learned from and what is tested on.

    Attributes:
        name: str, such as "fold".
        tests: list of `(N,)` bool arrays, true for what one fold tests on; it learns
            from the rest.
    """

    name: str
    tests: Sequence[np.ndarray]


def by_column(name, cells):
    """The division that tests on the elements of each value of a column in turn.

    Args:
        name: str.
        cells: list of N str.
    """
    cells = np.array(cells)
    return Division(name, [cells == value for value in np.unique(cells)])


def raw_statistics(log_mels: tf.Tensor) -> tf.Tensor:
    """The encoder that learned nothing: mean and deviation of each band over time.

    Args:
        log_mels: `(batch_size, bands, frames, 1)` tensor.

    Returns:
        `(batch_size, 2 * bands)` tensor.
    """
    mean, variance = tf.nn.moments(log_mels[..., 0], axes=2)
    return tf.concat([mean, tf.sqrt(variance)], axis=1)


def compare_divided(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    division: Division,
    *,
    k: int,
    temperature: float,
    standardise: bool,
    protocol: Protocol = "lbfgs",
    seed: int = 0,
) -> list[Row]:
    """Evaluates several embeddings of one collection by its folds.

    Args:
        features: dict from a name to `(N, D)` embeddings.
        labels: `(N,)` int64 array.
        division: `Division` of N elements.
        k: int, at least 1, neighbours that vote.
        temperature: float above 0; see `knn_accuracy`.
        standardise: bool. Whether kNN compares embeddings whose every feature has mean
            0 and deviation 1 in the training part.
        protocol: "lbfgs" or "sgd", of the probe; see `linear_probe`.
        seed: int, of the probe.

    Returns:
        A `Row` of the most frequent class, then one for each embedding: means over the
        folds, and their standard deviations where there are several folds.
    """
    rows: list[Row] = []
    for name, embeddings in features.items():
        parts = [
            Labelled(
                embeddings[~test], labels[~test], embeddings[test], labels[test]
            ).of_known_classes()
            for test in division.tests
        ]
        settings = _settings(parts, k)
        if not rows:
            rows.append(_most_frequent(parts, settings))
        limit = next((part.limit for part in parts if part.limit), "")
        if limit:
            rows.append(unmeasured(name, limit, settings))
            continue
        knn = functools.partial(knn_accuracy, k=settings.k, temperature=temperature)
        probe = functools.partial(linear_probe, seed=seed, protocol=protocol)
        reasons: dict[str, str] = {}
        found = {
            "knn": _over(parts, knn, reasons, "knn", standardise),
            "linear_probe": _over(parts, probe, reasons, "linear_probe", False),
        }
        rows.append(_row(name, found, settings, reasons))
    return rows


def _settings(parts, k):
    """How all folds are measured: alike, as the smallest of them allows."""
    smallest = min(len(part.train_y) for part in parts)
    notes = list(
        dict.fromkeys(note for part in parts for note in part.settings(k, 2, ()).notes)
    )
    return Settings(k=min(k, smallest), few=0, notes=tuple(notes))


def _over(
    parts: Sequence[Labelled],
    measure: Callable[..., float],
    reasons: dict[str, str],
    field: str,
    standardise: bool,
) -> list[float] | None:
    """What a measure gives for each fold; None, and its reason, where one fails."""

    def all_of_them():
        return [measure(*_arrays(part, standardise)) for part in parts]

    return measured(reasons, field, all_of_them)


def _arrays(part, standardise):
    if not standardise:
        return part.arrays
    mean, std = part.train_x.mean(axis=0), part.train_x.std(axis=0)
    std = np.where(std > 0, std, 1.0)
    train_x, test_x = ((x - mean) / std for x in (part.train_x, part.test_x))
    return train_x, part.train_y, test_x, part.test_y


def _row(name, found, settings, reasons):
    means = {field: v and float(np.mean(v)) for field, v in found.items()}
    return Row(
        name,
        few_label_probe=None,
        **means,
        **_deviations(found),
        k=settings.k,
        few=settings.few,
        reasons=reasons,
        notes=settings.notes,
    )


def _deviations(found):
    """Standard deviations over the folds, where there are several."""
    return {
        f"{field}_deviation": float(np.std(values, ddof=1))
        for field, values in found.items()
        if values and len(values) > 1
    }


def _most_frequent(parts, settings):
    rows = [most_frequent(part.train_y, part.test_y, settings) for part in parts]
    shares = [row.knn for row in rows]
    if None in shares:
        return rows[shares.index(None)]
    found = dict.fromkeys(("knn", "linear_probe"), shares)
    return _row(rows[0].name, found, settings, {})
