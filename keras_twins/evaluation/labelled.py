"""Embedded images with their classes: what of them can be measured, and how."""

import dataclasses
from typing import Any

import numpy as np

from keras_twins.evaluation.rows import Settings

ONE_CLASS = "all training images are of one class, so there is nothing to tell apart"


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Embeddings and labels of a training and a test set.

    Attributes:
        train_x: `(N, D)` float32 array.
        train_y: `(N,)` array of labels.
        test_x: `(M, D)` float32 array.
        test_y: `(M,)` array of labels.
        left_out: int, test images that are not among these, of `left_out_classes`
            classes, since no training image is of their class.
    """

    train_x: np.ndarray
    train_y: Any  # As `embed` gives them, which may have none; these are there.
    test_x: np.ndarray
    test_y: Any
    left_out: int = 0
    left_out_classes: int = 0

    @property
    def arrays(self):
        """The four arrays, as the measures take them."""
        return self.train_x, self.train_y, self.test_x, self.test_y

    def of_known_classes(self):
        """The same without test images of a class that no training image has."""
        known = np.isin(self.test_y, self.train_y)
        return dataclasses.replace(
            self,
            test_x=self.test_x[known],
            test_y=self.test_y[known],
            left_out=int(np.sum(~known)),
            left_out_classes=len(np.unique(self.test_y[~known])),
        )

    def settings(self, k, few, percentages):
        """How these images are measured where `k` and `few` were asked for.

        Args:
            k: int, neighbours.
            few: int, labels of each class.
            percentages: list of str, of the labels, to fine-tune with.

        Returns:
            `Settings`.
        """
        notes = []
        if self.left_out:
            notes.append(
                f"{_count(self.left_out, 'test image')} of "
                f"{_count(self.left_out_classes, 'class', 'classes')} without a "
                "training image: left out."
            )
        count, smallest = len(self.train_y), _smallest_class(self.train_y)
        measured = not self._limit_of_labels()
        if measured and count < k:
            notes.append(
                f"kNN: {count} neighbours vote instead of {k}; there are only {count} "
                "training images."
            )
        if measured and 2 <= smallest < few:
            notes.append(
                f"Probe with few labels: {smallest} labels of each class instead of "
                f"{few}; the smallest class has {smallest} training images."
            )
        return Settings(
            k=min(count, k),
            # One image of a class is none to hold out: that probe is not measured.
            few=int(min(smallest, few)) if smallest > 1 else few,
            percentages=tuple(percentages),
            notes=tuple(notes),
        )

    @property
    def limit(self):
        """Why nothing can be measured, in words; empty where something can."""
        return self._limit_of_labels() or self._limit_of_features()

    def _limit_of_labels(self):
        if len(np.unique(self.train_y)) < 2:
            return ONE_CLASS
        if not len(self.test_y):
            return "there are no test images of a class that training images have"
        return ""

    def _limit_of_features(self):
        for features in (self.train_x, self.test_x):
            broken = int(np.sum(~np.isfinite(features).all(axis=1)))
            if broken:
                return (
                    f"{broken:,} of {len(features):,} embeddings are not finite; has "
                    "the training diverged?"
                )
        return ""


def _smallest_class(labels):
    return int(np.unique(labels, return_counts=True)[1].min())


def _count(count, one, many=None):
    return f"{count:,} {one if count == 1 else many or one + 's'}"
