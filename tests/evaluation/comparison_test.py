import io

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from keras_twins import evaluation
from keras_twins.errors import InputError
from keras_twins.evaluation import comparison


def datasets(train=120, test=60):
    generator = np.random.default_rng(0)
    labels = np.arange(train + test) % 3
    images = generator.integers(0, 200, (train + test, 4, 4, 1))
    images[np.arange(train + test), labels] += 55
    dataset = tf.data.Dataset.from_tensor_slices((images.astype(np.uint8), labels))
    return dataset.take(train).batch(50), dataset.skip(train).batch(50)


def blind(images):
    return tf.random.stateless_normal((len(images), 4), seed=(0, len(images)))


def test_rows_are_what_the_measures_say():
    train, test = datasets()
    encoders = {"raw pixels": evaluation.raw_pixels, "blind": blind}
    rows = evaluation.compare(encoders, train, test, k=20, temperature=0.1)
    assert [row.name for row in rows] == ["raw pixels", "blind"]
    data = (
        *evaluation.embed(evaluation.raw_pixels, train),
        *evaluation.embed(evaluation.raw_pixels, test),
    )
    assert rows[0].knn == evaluation.knn_accuracy(*data, k=20, temperature=0.1)
    assert rows[0].linear_probe == evaluation.linear_probe(*data)
    assert rows[0].linear_probe > rows[1].linear_probe + 0.2
    assert rows[0].linear_probe >= rows[0].few_label_probe > 0.4
    assert (rows[0].k, rows[0].few) == (20, 10)
    train_x, train_y, test_x, test_y = data
    draws = [evaluation.few_labels(train_y, 10, seed) for seed in range(5)]
    assert rows[0].few_label_probe == np.mean(
        [
            evaluation.linear_probe(
                train_x[drawn], train_y[drawn], test_x, test_y, seed=seed
            )
            for seed, drawn in enumerate(draws)
        ]
    )


def test_a_small_training_set_is_evaluated_with_what_there_is(caplog):
    train, test = datasets(train=24)
    with caplog.at_level("WARNING"):
        (row,) = evaluation.compare({"raw": evaluation.raw_pixels}, train, test)
    assert (row.k, row.few) == (24, 8)
    assert "24 neighbours instead of 200" in caplog.text
    assert "8 labels a class instead of 10" in caplog.text


def test_the_table_has_a_line_an_encoder():
    rows = [
        comparison.Row("raw pixels", 0.3361, 0.4, 0.25, k=200, few=10),
        comparison.Row("trained", 0.6, 0.65432, 0.5, k=200, few=10),
    ]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(evaluation.format_table(rows))
    text = console.export_text()
    assert "kNN (k 200)" in text and "probe, 10 labels a class" in text
    (line,) = [line for line in text.splitlines() if "trained" in line]
    assert "60.00 %" in line and "65.43 %" in line and "50.00 %" in line


def test_raw_pixels_are_all_pixels_of_a_small_picture():
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.testing.assert_array_equal(
        evaluation.raw_pixels(tf.constant(images)), images.reshape(2, 48)
    )


def test_raw_pixels_of_a_photograph_are_few():
    images = tf.fill((2, 224, 160, 3), 7.0)
    pixels = evaluation.raw_pixels(images)
    assert pixels.shape == (2, 32 * 32 * 3)
    np.testing.assert_allclose(pixels, 7.0, rtol=1e-5)


def test_refuses_a_dataset_without_labels():
    train, test = datasets()
    bare = test.map(lambda image, label: image)
    encoders = {"raw": evaluation.raw_pixels}
    with pytest.raises(InputError, match="test set has no labels"):
        evaluation.compare(encoders, train, bare)
    with pytest.raises(InputError, match="training set has no labels"):
        evaluation.compare(encoders, bare, test)
