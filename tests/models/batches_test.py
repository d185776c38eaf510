"""Every form in which a batch may come, and what is said of those that fit none."""

import numpy as np
import pytest

from keras_twins.models import batches

A, B = np.zeros((2, 4, 8, 8, 3), np.float32)
B = B + 1
SMALL = A[:, :4, :4]
LABELS = np.arange(4)


def same(found, *expected):
    assert not getattr(found, "further", ())
    for one, other in zip(found[: len(expected)], expected, strict=True):
        assert one is other


@pytest.mark.parametrize(
    "batch",
    [
        (A, B),
        [A, B],
        ((A, B),),
        ([A, B],),
        (A, B, None),
        ((A, B), None, None),
        {"image": (A, B)},
        ({"image": (A, B)}, None, None),
    ],
)
def test_pairs_without_labels(batch):
    same(batches.pair(batch), A, B, None)


@pytest.mark.parametrize(
    "batch",
    [
        ((A, B), LABELS),
        [[A, B], LABELS],
        (([A, B], LABELS),),
        ((A, B), LABELS, None),
        {"image": (A, B), "label": LABELS},
        ({"image": [A, B]}, LABELS),
    ],
)
def test_pairs_with_labels(batch):
    same(batches.pair(batch), A, B, LABELS)


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        ((A, B, SMALL, SMALL), None),
        ([A, B, SMALL, SMALL], None),
        (((A, B, SMALL, SMALL),), None),
        ((A, B, SMALL, SMALL, None), None),
        (((A, B, SMALL, SMALL), LABELS), LABELS),
        (([A, B, SMALL, SMALL], LABELS, None), LABELS),
        ({"image": (A, B, SMALL, SMALL), "label": LABELS}, LABELS),
    ],
)
def test_further_views_follow_the_first_two(batch, labels):
    found = batches.pair(batch)
    assert found.view_a is A and found.view_b is B and found.labels is labels
    assert [view is SMALL for view in found.further] == [True, True]
    assert found.views == (A, B, SMALL, SMALL)


@pytest.mark.parametrize(
    "batch", [A, (A,), [A], (A, None), {"image": A, "id": LABELS}, (A, None, None)]
)
def test_images_without_labels(batch):
    same(batches.images(batch), A, None)


@pytest.mark.parametrize(
    "batch",
    [
        (A, LABELS),
        [A, LABELS],
        ((A, LABELS),),
        (A, LABELS, None),
        {"image": A, "label": LABELS},
        ({"image": A, "label": LABELS}, None, None),
        ({"image": A}, LABELS),
    ],
)
def test_images_with_labels(batch):
    same(batches.images(batch), A, LABELS)


def test_labels_may_be_more_than_numbers():
    labels = {"boxes": LABELS, "names": ["a"] * 4}
    same(batches.images((A, labels)), A, labels)
    same(batches.pair(((A, B), labels)), A, B, labels)
    one_hot = np.eye(4)
    same(batches.images((A, one_hot)), A, one_hot)


@pytest.mark.parametrize(
    ("read", "batch", "message"),
    [
        (batches.pair, A, r"pairs of views.*Received: float32 \(4, 8, 8, 3\)$"),
        (batches.pair, (A, LABELS), r"pairs of views.*8, 3\), int64 \(4,\)\)$"),
        (batches.pair, (A, B[:, :4]), r"pairs of views.*\(4, 4, 8, 3\)\)$"),
        (batches.pair, {"image": A, "label": LABELS}, r"pairs of views.*'label': int"),
        (batches.pair, (A, B, LABELS), r"Sample weights.*\(\(view_a, view_b\), labels"),
        (batches.pair, ((A, B), LABELS, LABELS), "Sample weights have no meaning"),
        (batches.pair, (A, B, A, B[..., :1]), "Sample weights have no meaning"),
        (batches.pair, ((A, SMALL, A), LABELS), "pairs of views"),
        (batches.pair, (), "pairs of views"),
        (batches.pair, {"views": (A, B)}, r'Expected the key "image".*views'),
        (batches.images, (A, B), r"makes the pairs itself.*Received: \(float32"),
        (batches.images, ((A, B), LABELS), "makes the pairs itself"),
        (batches.images, (A, B, SMALL), "makes the pairs itself"),
        (batches.images, (A, LABELS, LABELS), "Sample weights have no meaning"),
        (batches.images, "images", "makes the pairs itself.*Received: images"),
        (batches.images, {"img": A}, r"Expected the key \"image\".*'img': float32"),
    ],
)
def test_other_batches_are_refused_by_what_they_are(read, batch, message):
    with pytest.raises(ValueError, match=message):
        read(batch)
