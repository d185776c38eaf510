"""What a trained encoder is compared with."""

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy import stats

from keras_twins.errors import InputError
from keras_twins.evaluation.chosen import chosen_label_accuracy
from keras_twins.evaluation.embedding import Encoder, embed
from keras_twins.evaluation.fine_tuning import finetune
from keras_twins.evaluation.knn import check_settings, knn_accuracy
from keras_twins.evaluation.labelled import Labelled
from keras_twins.evaluation.probe import (
    Protocol,
    check_protocol,
    few_labels,
    linear_probe,
)
from keras_twins.evaluation.rows import (
    CHOSEN,
    MOST_FREQUENT,
    TOP,
    Row,
    Settings,
    measured,
    most_frequent,
    unmeasured,
)

# Which images are labelled matters where few are: the mean of so many draws is told.
_DRAWS = 5
_FINE_TUNED_DRAWS = 3

# Larger pictures are compared at this size, which keeps their pixels few.
_PIXELS = 32

_BATCH_SIZE = 256


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

    What cannot be measured is None, with its reason in the row, and nothing else is
    lost: where a class has one image, all are of one class, embeddings are not finite,
    or there are no labels. A training set with fewer than `k` images, or a class with
    fewer than `few`, is evaluated with as many as there are. Test images of a class
    that no training image has are left out. The notes of the rows say so.

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
        A `Row` of the most frequent class, which needs no encoder, then one for each
        encoder, in their order.

    Raises:
        InputError: as `embed`.
        ValueError: for a k, temperature or protocol that makes no sense.
    """
    check_settings(k, temperature)
    check_protocol(protocol)
    percentages = tuple(f"{percentage:g}" for percentage in fine_tune)
    missing = _nothing_to_measure(train, test)
    if missing:
        settings = Settings(k, few, percentages)
        names = (MOST_FREQUENT, *encoders)
        return [unmeasured(name, missing, settings) for name in names]
    rows: list[Row] = []
    for name, encoder in encoders.items():
        if verbose:
            print(name, flush=True)
        data = Labelled(
            *embed(encoder, train, verbose=verbose),
            *embed(encoder, test, verbose=verbose),
        ).of_known_classes()
        settings = data.settings(k, few, percentages)
        if not rows:
            rows.append(most_frequent(data.train_y, data.test_y, settings))
        if data.limit:
            rows.append(unmeasured(name, data.limit, settings))
            continue
        if data.left_out:
            known = _of_classes(test, np.unique(data.train_y))
        else:
            known = test
        rows.append(
            _row(
                name,
                data,
                settings,
                frozen={"seed": seed, "protocol": protocol},
                temperature=temperature,
                tune=functools.partial(finetune, encoder, train, known, verbose=verbose)
                if isinstance(encoder, keras.Model)
                else None,
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


def _nothing_to_measure(train, test):
    """Why no accuracy can be told of these data sets; empty where one can."""
    for name, dataset in (("training", train), ("test", test)):
        spec = dataset.element_spec
        if not isinstance(spec, tuple) or len(spec) != 2:
            return f"the {name} images have no labels"
        if int(dataset.cardinality()) == 0:
            return f"there are no {name} images"
    return ""


def _row(name, data, settings, frozen, temperature, tune):
    """All measures of one encoder, each for itself.

    Args:
        name: str.
        data: `Labelled`.
        settings: `Settings`.
        frozen: dict, seed and protocol of the probes.
        temperature: float, of kNN.
        tune: `finetune` of the encoder with its data; None where nothing can be tuned.
    """
    reasons = {}
    knn = functools.partial(
        knn_accuracy, *data.arrays, k=settings.k, temperature=temperature
    )
    several = len(np.unique(data.train_y)) > TOP
    draws = measured(
        reasons,
        "few_label_probe",
        lambda: _few_label_probes(data, settings.few, **frozen),
    )
    chosen = None
    if len(data.train_y) > CHOSEN:
        chosen = measured(
            reasons, "chosen_probe", lambda: _chosen_label_probes(data, frozen["seed"])
        )
    tuned = {
        percentage: measured(
            reasons,
            f"fine_tuned.{percentage}",
            functools.partial(_fine_tuned, tune, float(percentage), frozen["seed"]),
        )
        for percentage in settings.percentages
    }
    return Row(
        name=name,
        knn=measured(reasons, "knn", knn),
        knn_top5=measured(reasons, "knn_top5", lambda: knn(top=TOP))
        if several
        else None,
        linear_probe=measured(
            reasons, "linear_probe", lambda: linear_probe(*data.arrays, **frozen)
        ),
        few_label_probe=float(np.mean(draws)) if draws else None,
        few_label_interval=interval(draws) if draws else None,
        chosen_probe=float(np.mean(chosen)) if chosen else None,
        chosen_interval=interval(chosen) if chosen else None,
        k=settings.k,
        few=settings.few,
        fine_tuned={share: found for share, found in tuned.items() if found},
        reasons=reasons,
        notes=settings.notes,
    )


def _few_label_probes(data, few, seed, protocol):
    if np.unique(data.train_y, return_counts=True)[1].min() < 2:
        raise InputError(
            "a class has one training image, and this probe takes two or more of each"
        )
    accuracies = []
    for draw in range(seed, seed + _DRAWS):
        drawn = few_labels(data.train_y, few, seed=draw)
        chosen = data.train_x[drawn], data.train_y[drawn], data.test_x, data.test_y
        accuracies.append(linear_probe(*chosen, seed=draw, protocol=protocol))
    return accuracies


def _chosen_label_probes(data, seed):
    return [
        chosen_label_accuracy(*data.arrays, CHOSEN, seed=draw)
        for draw in range(seed, seed + _DRAWS)
    ]


def _fine_tuned(tune, percentage, seed):
    """Mean accuracy after fine-tuning, and its interval."""
    if tune is None:
        raise InputError("there are no weights to train")
    # All labels are one draw; few are another set of images in each.
    draws = 1 if percentage == 100 else _FINE_TUNED_DRAWS
    accuracies = [
        tune(share=percentage / 100, seed=draw) for draw in range(seed, seed + draws)
    ]
    return {"accuracy": float(np.mean(accuracies)), "interval": interval(accuracies)}


def _of_classes(dataset, classes):
    """Batches of the images of some classes."""
    known = tf.constant(classes, tf.int64)
    images = dataset.unbatch().filter(
        lambda image, label: tf.reduce_any(tf.cast(label, tf.int64) == known)
    )
    return images.batch(_BATCH_SIZE)
