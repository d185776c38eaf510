import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from keras_twins import evaluation
from keras_twins.evaluation import table


def datasets(train=120, test=60):
    generator = np.random.default_rng(0)
    labels = np.arange(train + test) % 3
    images = generator.integers(0, 200, (train + test, 4, 4, 1))
    images[np.arange(train + test), labels] += 55
    dataset = tf.data.Dataset.from_tensor_slices((images.astype(np.uint8), labels))
    return dataset.take(train).batch(50), dataset.skip(train).batch(50)


def compared(train, test, **settings):
    return evaluation.compare({"raw": evaluation.raw_pixels}, train, test, **settings)


def as_data(rows):
    return [dataclasses.asdict(row) for row in rows]


def tabled(rows):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(evaluation.format_table(list(rows)))
    return console.export_text()


def printed(rows):
    """The table and what stands below it, as one line."""
    return " ".join(tabled(rows).split())


def blind(images):
    return tf.random.stateless_normal((len(images), 4), seed=(0, len(images)))


def test_rows_are_what_the_measures_say():
    train, test = datasets()
    encoders = {"raw pixels": evaluation.raw_pixels, "blind": blind}
    rows = evaluation.compare(encoders, train, test, k=20, temperature=0.1)
    names = [row.name for row in rows]
    assert names == ["most frequent class", "raw pixels", "blind"]
    rows = rows[1:]
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


def test_chosen_labels_are_measured_where_there_is_a_choice():
    train, test = datasets()
    encoders = {"raw pixels": evaluation.raw_pixels, "blind": blind}
    frequent, pixels, unseeing = evaluation.compare(encoders, train, test, k=20)
    assert frequent.chosen_probe == frequent.knn
    assert pixels.chosen_probe > unseeing.chosen_probe + 0.2
    assert pixels.chosen_interval > 0
    assert "40 labels, chosen" in tabled([frequent, pixels, unseeing])
    rows = evaluation.compare(encoders, datasets(train=40)[0], test, k=20)
    assert {row.chosen_probe for row in rows} == {None}
    assert "chosen" not in tabled(rows)


def test_a_small_training_set_is_evaluated_with_what_there_is():
    train, test = datasets(train=24)
    _, row = evaluation.compare({"raw": evaluation.raw_pixels}, train, test)
    assert (row.k, row.few) == (24, 8)
    assert "24 neighbours vote instead of 200" in row.notes[0]
    assert "8 labels of each class instead of 10" in row.notes[1]
    assert printed([row]).count("24 neighbours") == 1


def test_the_table_has_a_line_an_encoder():
    rows = [
        evaluation.Row("raw pixels", 0.3361, 0.4, 0.25, k=200, few=10),
        evaluation.Row("trained", 0.6, 0.65432, 0.5, k=200, few=10),
    ]
    text = tabled(rows)
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


@pytest.mark.parametrize("part", ["training", "test"])
def test_images_without_labels_are_a_table_of_dashes(part):
    both = dict(zip(("training", "test"), datasets(), strict=True))
    both[part] = both[part].map(lambda image, label: image)
    rows = compared(*both.values(), fine_tune=[10])
    assert all(
        cell == "–" for line in table.cells(as_data(rows))[1:] for cell in line[1:]
    )
    (line,) = table.footnotes(as_data(rows))
    assert f"the {part} images have no labels" in line


def of_labels(train_y, test_y):
    """Data sets of images that say their label and nothing else."""
    return [
        tf.data.Dataset.from_tensor_slices(
            (np.full((len(y), 4, 4, 1), 0) + 20 * np.array(y)[:, None, None, None], y)
        ).batch(4)
        for y in (np.array(train_y, np.int64), np.array(test_y, np.int64))
    ]


def pixels_and_noise(images):
    """Features that are the label, and some that all differ."""
    return np.hstack([evaluation.raw_pixels(images), 1e-3 * blind(images)])


@pytest.mark.parametrize(
    ("train_y", "test_y", "missing", "words"),
    [
        # The last class has one image: the probe with few labels alone is missing.
        ([0] * 5 + [1] * 5 + [2], [0, 1, 2], {"few_label_probe"}, "one training image"),
        # Nothing can be held out of any class.
        ([0, 1, 2], [0, 1], {"linear_probe", "few_label_probe"}, "one image of each"),
        ([1] * 6, [1, 1], {"knn", "linear_probe", "few_label_probe"}, "of one class"),
        # Some test images are of a class that was never seen: they are left out.
        ([0] * 5 + [1] * 5, [0, 1, 7, 7], set(), "2 test images of 1 class without"),
        (
            [0] * 5 + [1] * 5,
            [7],
            {"knn", "linear_probe", "few_label_probe"},
            "no test images of a class",
        ),
        ([0] * 5 + [1] * 5, [1], set(), "10 neighbours vote instead of 200"),
    ],
)
def test_what_cannot_be_measured_is_a_dash_with_its_reason(
    train_y, test_y, missing, words
):
    train, test = of_labels(train_y, test_y)
    frequent, row = evaluation.compare({"encoder": pixels_and_noise}, train, test)
    found = {
        field
        for field in ("knn", "linear_probe", "few_label_probe")
        if getattr(row, field) is None
    }
    assert found == missing == row.reasons.keys()
    assert words in printed([frequent, row])


def test_embeddings_that_are_not_finite_take_their_own_row_alone():
    train, test = datasets()

    def diverged(images):
        return tf.fill((len(images), 3), np.nan)

    encoders = {"raw": evaluation.raw_pixels, "diverged": diverged, "blind": blind}
    rows = {row.name: row for row in evaluation.compare(encoders, train, test)}
    assert rows["diverged"].knn is None
    assert None not in (rows["raw"].linear_probe, rows["blind"].linear_probe)
    text = printed(rows.values())
    assert "of diverged: 120 of 120 embeddings are not finite" in text


def test_a_measure_that_fails_takes_its_own_cell_alone(monkeypatch):
    def out_of_memory(*args, **kwargs):
        raise MemoryError("no memory for the probe\n  File ...")

    monkeypatch.setattr("keras_twins.evaluation.comparison.linear_probe", out_of_memory)
    _, row = evaluation.compare({"raw": evaluation.raw_pixels}, *datasets(), k=20)
    assert row.knn > 0.4 and row.linear_probe is None
    assert row.reasons["linear_probe"] == "no memory for the probe"


@pytest.mark.parametrize(
    "settings", [{"k": 0}, {"temperature": 0.0}, {"protocol": "adam"}]
)
def test_settings_that_make_no_sense_are_not_a_limit(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        compared(*datasets(), **settings)


def test_the_most_frequent_class_is_that_of_the_training_images():
    train_y = [0] * 3 + [1] * 5 + [2] * 2 + [3, 3, 4, 4, 5, 5]
    test_y = [1, 1, 0, 0, 0, 2, 3, 4, 5, 5]
    frequent, _ = evaluation.compare(
        {"x": pixels_and_noise}, *of_labels(train_y, test_y)
    )
    assert (frequent.knn, frequent.linear_probe, frequent.few_label_probe) == (0.2,) * 3
    assert frequent.knn_top5 == 0.8  # all but the class 5


def test_a_percentage_that_nothing_can_be_tuned_with_has_a_column_and_a_reason():
    rows = compared(*datasets(), k=20, fine_tune=[10])
    header, frequent, raw = table.cells(as_data(rows))
    assert header[-1] == "fine-tuned, 10 % of labels"
    assert (frequent[-1], raw[-1]) == ("33.33 %", "–")
    assert "Fine-tuned, 10 % of labels: there are no weights" in printed(rows)


def test_rows_of_an_earlier_version_are_read():
    row = {"name": "trained", "knn": 0.5, "linear_probe": 0.6, "few_label_probe": 0.4}
    row |= {"k": 200, "few": 10}
    assert table.cells([row])[1] == ["trained", "50.00 %", "60.00 %", "40.00 %"]
    assert table.footnotes([row]) == []
