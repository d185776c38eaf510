"""What a run's accuracies are measured on: no image is learned from and tested on."""

import json

import numpy as np
import prepared_data
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins import files
from keras_twins.commands import cli
from keras_twins.commands.evaluate import evaluate
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import labelled, parts
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir, as_data
from keras_twins.training import train

ONE = tf.distribute.get_strategy()


def config_of(dataset, **overrides):
    config = digits.get_config()
    config.deterministic = False
    config.dataset = dataset
    config.encoder.widths = (8,)
    config.encoder.depths = (1,)
    config.projector = (16, 16)
    config.batch_size = 4
    config.epochs = 1
    config.optimizer.warmup_epochs = 0.0
    config.evaluation.k = 3
    config.update_from_flattened_dict(overrides)
    return config


def folder_of(root, **classes):
    """A folder of so many images of each class; `a__b` is a folder in a folder."""
    for place, (name, count) in enumerate(sorted(classes.items())):
        folder = root / name.replace("__", "/")
        folder.mkdir(parents=True)
        for i in range(count):
            rng = np.random.default_rng([place, i])
            pixels = rng.integers(0, 60, (8, 8, 3)) + 60 * (place % 3)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return f"folder:{root}"


def trained(config, path):
    """A run whose encoder was not trained, in a folder that says it was."""
    workdir = Workdir(path)
    workdir.path.mkdir()
    files.write_json(workdir.config, as_data(config))
    parts.saved_encoder(config, parts.model(config).encoder).save(workdir.encoder)
    return workdir


def paths(source):
    return set(source.paths)


@pytest.mark.parametrize("counts", [[10] * 10, [1, 2, 3, 50], [4]])
def test_a_part_of_each_class_is_held_out_and_never_all_of_it(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    drawn = labelled.held_out(labels)
    found = np.bincount(labels[drawn], minlength=len(counts))
    assert found.tolist() == [max(1, round(n / 5)) if n > 1 else 0 for n in counts]
    np.testing.assert_array_equal(drawn, labelled.held_out(labels))
    if sum(counts) > 50:
        assert (drawn != labelled.held_out(labels, seed=1)).any()


def test_without_a_test_split_a_part_is_held_out_and_said(tmp_path):
    config = config_of(folder_of(tmp_path / "images", ant=10, bee=5, cat=1))
    found = labelled.parts(Run(config))
    assert (found.train.num_images, found.test.num_images) == (13, 3)
    assert not paths(found.train) & paths(found.test)
    assert "has no split 'test': 3 of 16 images of train, 20 % of each" in found.said
    assert "held out" in found.said and "(seed 0)" in found.said


@pytest.mark.parametrize(
    ("train_split", "test_split", "counts", "words"),
    [
        ("train", "test", (8, 4), ""),
        ("train", "train", (6, 2), "train is the split to learn from and to test on"),
        # '.' is the whole folder, whose sub-folders are other classes.
        (".", "test", (9, 3), "the classes of test are not those of ."),
        ("test", ".", (2, 2), "the classes of . are not those of test"),
    ],
)
def test_no_image_is_learned_from_and_tested_on(
    tmp_path, train_split, test_split, counts, words
):
    dataset = folder_of(
        *(tmp_path / "images",),
        **dict(train__ant=4, train__bee=4, test__ant=2, test__bee=2),
    )
    run = Run(config_of(dataset, train_split=train_split, test_split=test_split))
    found = labelled.parts(run)
    assert not paths(found.train) & paths(found.test)
    assert (found.train.num_images, found.test.num_images) == counts
    assert words in found.said and bool(words) == bool(found.said)


def test_the_digits_have_no_image_in_common():
    found = labelled.parts(Run(config_of("digits")))
    assert (found.train.num_images, found.test.num_images) == (1437, 360)
    assert not found.said
    found = labelled.parts(Run(config_of("digits", test_split="train")))
    whole = Run(config_of("digits")).source("train")
    drawn = labelled.held_out(whole.labels())
    for part, mask in ((found.train, ~drawn), (found.test, drawn)):
        np.testing.assert_array_equal(part.labels(), whole.labels()[mask])
        np.testing.assert_array_equal(
            part.images_in_memory, whole.images_in_memory.numpy()[mask]
        )


def test_slices_of_one_split_share_no_image(tmp_path):
    import tensorflow_datasets as tfds

    def example(i):
        return {"image": np.full((4, 5, 3), i, np.uint8), "label": i % 2}

    features = {"image": tfds.features.Image(), "label": np.int64}
    prepared_data.prepare(tmp_path, "few", features, example, sizes=(6, 2))

    def names(train_split, test_split):
        config = config_of("few", data_dir=str(tmp_path))
        config.train_split, config.test_split = train_split, test_split
        found = labelled.parts(Run(config))
        return found.train.names(), found.test.names()

    assert names("train", "train[:2]") == (
        [f"train[{i}]" for i in (2, 3, 4, 5)],
        ["train[0]", "train[1]"],
    )
    assert names("train[4:]", "train") == (
        ["train[4]", "train[5]"],
        [f"train[{i}]" for i in range(4)],
    )
    assert names("train[:4]", "train[4:]")[1] == ["train[4]", "train[5]"]
    learned, tested = names("train", "train[:100%]")
    assert len(learned) == 4 and len(tested) == 2 and not {*learned} & {*tested}


@pytest.mark.parametrize(
    ("classes", "dashes", "words"),
    [
        ({"ant": 6, "bee": 5, "cat": 1}, {"few_label_probe"}, "one training image"),
        ({"ant": 12}, {"knn", "linear_probe", "few_label_probe"}, "of one class"),
        ({"": 12}, {"knn", "linear_probe", "few_label_probe"}, "has no labels"),
        (
            {"ant": 1, "bee": 1, "cat": 1, "dog": 1},
            {"knn", "linear_probe", "few_label_probe"},
            "no class has two images",
        ),
    ],
)
def test_evaluate_writes_a_table_whatever_the_labels(
    tmp_path, capsys, classes, dashes, words
):
    config = config_of(folder_of(tmp_path / "images", **classes))
    workdir = trained(config, tmp_path / "run")
    rows = evaluate(Run.read(workdir), verbose=0)
    said = " ".join(capsys.readouterr().out.split())
    assert words in said
    written = json.loads(workdir.evaluation.read_text())
    names = [
        "most frequent class",
        "raw pixels",
        "untrained encoder",
        "trained encoder",
    ]
    assert (
        [row["name"] for row in written["rows"]] == [row.name for row in rows] == names
    )
    for row in written["rows"][1:]:
        missing = {field for field in row["reasons"] if row[field] is None}
        assert missing == dashes
    if words == "one training image":
        assert "held out to test on" in written["held_out"] in said
        assert (written["train_images"], written["test_images"]) == (10, 2)


def test_files_that_cannot_be_read_are_left_out_and_said(tmp_path, capsys):
    """Of another data set than the run's own, which its first pass did not see."""
    config = config_of(folder_of(tmp_path / "own", ant=6, bee=5))
    workdir = trained(config, tmp_path / "run")
    other = folder_of(
        *(tmp_path / "other",),
        **dict(train__ant=6, train__bee=6, test__ant=3, test__bee=3),
    )
    for name in ("train/ant/0.png", "test/bee/1.png"):
        (tmp_path / "other" / name).write_bytes(b"\x89PNG torn")
    evaluate(Run.read(workdir, dataset=other), verbose=0)
    written = json.loads(workdir.evaluation.read_text())
    assert (written["train_images"], written["test_images"]) == (11, 5)
    assert "2 images cannot be read and are left out: " in written["held_out"]
    assert "train/ant/0.png" in capsys.readouterr().out.replace("\n", "")


def test_a_split_that_was_asked_for_is_not_done_without(tmp_path, capsys):
    config = config_of(folder_of(tmp_path / "images", ant=6, bee=5))
    workdir = trained(config, tmp_path / "run")
    with pytest.raises(SystemExit):
        cli.run("evaluate", [f"--workdir={workdir.path}", "--test_split=tset"])
    assert "no split 'tset'" in capsys.readouterr().err
    assert not workdir.evaluation.exists()


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"ant": 6, "bee": 5, "cat": 1}, "held out to test on"),
        ({"ant": 12}, "no kNN: all training images are of one class"),
        ({"": 12}, "has no labels"),
        ({c: 1 for c in "abcdefgh"}, "no class has two images"),
    ],
)
def test_a_training_ends_whatever_the_labels(tmp_path, capsys, classes, words):
    dataset = folder_of(tmp_path / "images", **classes)
    workdir = Workdir(tmp_path / "run")
    train(Run(config_of(dataset), workdir, ONE), verbose=0)
    assert workdir.encoder.exists()
    assert words in capsys.readouterr().out
    (line,) = workdir.read_metrics()
    assert ("knn" in line) == ("held out" in words)
    said = json.loads(workdir.measures.read_text())
    assert words.removeprefix("no kNN: ") in json.dumps(said, ensure_ascii=False)


def test_an_unknown_training_split_is_said(tmp_path):
    config = config_of(folder_of(tmp_path / "images", ant=6, bee=5))
    config.train_split = "other"
    with pytest.raises(InputError, match="other"):
        labelled.parts(Run(config))
