"""The labelled images of a run: some to learn classes from, others to be right on.

No image is both. Where a run has no labelled test images of its own, a part of the
training images is held out of what a classifier learns from.
"""

import dataclasses
import os

import numpy as np

from keras_twins import listing
from keras_twins.data import survey
from keras_twins.data.sources import Source
from keras_twins.errors import InputError
from keras_twins.evaluation.labelled import ONE_CLASS

# Of each class, in percent; which images these are depends on nothing else.
_PERCENT = 20
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Parts:
    """What accuracies are measured on.

    Attributes:
        train: `Source` to learn from; None where nothing can be measured.
        test: `Source` to be right on, the same.
        split: str, the split that the test images are of.
        said: str, sentences on how the two were made; empty for two splits as they are.
        missing: str, why nothing can be measured; empty where something can.
    """

    train: Source | None = None
    test: Source | None = None
    split: str = ""
    said: str = ""
    missing: str = ""


def parts(run):
    """Finds the labelled images of a run.

    Args:
        run: `Run`.

    Returns:
        `Parts`.

    Raises:
        InputError: if the training split cannot be opened.
    """
    config = run.config
    train = run.source(config.train_split)
    if not train.has_labels:
        return Parts(missing=train.no_labels)
    train = train.labelled()
    test, reason = _test(run, train.class_names)
    if test is None:
        return _held_out(run, train, reason)
    in_test, in_train = _shared(train, test)
    if not in_test.any():
        return Parts(train, test, config.test_split)
    both = f"{in_test.sum():,} {train.word}s are in {config.train_split} and in "
    both += f"{config.test_split}: "
    if not in_test.all():
        said = f"{both}no classifier learns from them."
        return Parts(train.only(~in_test), test, config.test_split, said)
    if not in_train.all():
        said = f"{both}none of them is tested on."
        return Parts(train, test.only(~in_train), config.test_split, said)
    return _held_out(
        run,
        train,
        f"{config.train_split} and {config.test_split} are the same {train.word}s",
    )


def readable(found):
    """The same parts without images that cannot be decoded.

    Args:
        found: `Parts` with something to measure.

    Returns:
        `Parts`, which say how many images are left out, and the first one.

    Raises:
        InputError: where the collection is damaged, or no image can be decoded.
    """
    bad, sources = [], []
    for source in (found.train, found.test):
        places = [p for _, p in survey.undecodable(source) if p is not None]
        bad += [source.name_of(place) for place in places]
        kept = np.ones(source.num_images, bool)
        kept[places] = False
        if not kept.any():
            raise InputError(f"{source.name} has no {source.word} that can be read")
        sources.append(source.only(kept))
    several = len(bad) > 1
    said = listing.counted(len(bad), found.train.word)
    said += f" cannot be read and {'are' if several else 'is'} left out: "
    said += ", ".join(bad[:3]) + (", …." if len(bad) > 3 else ".")
    return Parts(*sources, found.split, " ".join(filter(None, (found.said, said))))


def held_out(labels, percent=_PERCENT, seed=_SEED):
    """Draws the same share of the images of every class.

    Args:
        labels: `(N,)` array of labels.
        percent: number above 0 and below 100.
        seed: int.

    Returns:
        `(N,)` bool array, true where an image is drawn: one or more of a class, and
        never all; none of a class with a single image.
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(percent / 100 * len(members)))
        if count < len(members):
            drawn[generator.choice(members, count, replace=False)] = True
    return drawn


def _test(run, class_names):
    """The labelled test images, or None and why there are none."""
    config = run.config
    if config.test_split == config.train_split:
        return None, f"{config.train_split} is the split to learn from and to test on"
    try:
        test = run.source(config.test_split)
    except InputError:
        return None, f"{config.dataset} has no split {config.test_split!r}"
    if not test.has_labels:
        return None, f"split {config.test_split!r}: {test.no_labels}"
    if test.class_names != class_names:
        return None, (
            f"the classes of {config.test_split} are not those of {config.train_split}"
        )
    return test.labelled(), ""


def _shared(train, test):
    """Bool arrays: which training images are test images, and the other way round."""
    if train.decoder is None:  # Arrays: two splits have no image in common.
        return np.zeros(train.num_images, bool), np.zeros(test.num_images, bool)
    # A file has several names where a split is a part of another: a/./b is a/b.
    names, others = (list(map(os.path.normpath, s.names())) for s in (train, test))
    common = set(names) & set(others)
    return (
        np.array([name in common for name in names]),
        np.array([name in common for name in others]),
    )


def _held_out(run, train, reason):
    labels = train.labels()
    if (labels == labels[0]).all():
        return Parts(missing=ONE_CLASS)
    drawn = held_out(labels)
    if not drawn.any():
        return Parts(
            missing=f"{reason}, and no class has two {train.word}s, one of which "
            "could be held out to test on"
        )
    said = (
        f"{reason}: {drawn.sum():,} of {len(drawn):,} {train.word}s of "
        f"{run.config.train_split}, {_PERCENT} % of each class (seed {_SEED}), are "
        "held out to test on; no classifier learns from them."
    )
    if run.workdir and run.workdir.read_config().dataset == run.config.dataset:
        said += " The encoder has seen them in training, without labels."
    split = run.config.train_split
    return Parts(train.only(~drawn), train.only(drawn), split, said)
