"""What a report shows of an encoder and its images."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_twins import evaluation
from keras_twins.report import looks
from keras_twins.runs.images import Images


def _images(labels=None, class_names=None):
    pixels = np.random.default_rng(0).uniform(0, 255, (12, 8, 8, 3)).astype(np.float32)
    data = pixels if labels is None else (pixels, labels)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(5)
    paths = [f"/data/scans/{'xyz'[i // 4]}/{i}.png" for i in range(12)]
    return Images("train", batches, labels is not None, class_names, paths)


@pytest.fixture(autouse=True)
def _without_umap(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)  # It compiles for half a minute.


def test_files_without_labels_are_told_apart_by_their_folders():
    shown = looks.look(evaluation.raw_pixels, _images())
    assert shown.groups == ["x"] * 4 + ["y"] * 4 + ["z"] * 4
    assert shown.classes == [""] * 12
    assert shown.paths[5] == "/data/scans/y/5.png"


def test_labels_count_before_folders():
    labels = np.arange(12) % 2
    shown = looks.look(evaluation.raw_pixels, _images(labels, ("cat", "dog")))
    assert shown.groups == shown.classes == ["cat", "dog"] * 6
    assert len(shown.paths) == 12
