"""The labelled recordings of a run, and how they are divided to be tested on."""

import collections
import dataclasses
import re

import numpy as np

from keras_twins.data.sources import Source
from keras_twins.errors import InputError
from keras_twins.evaluation.folds import Division, by_column
from keras_twins.runs import labelled

# Columns of a table whose values are folds: official ones, or a speaker left out.
_FOLDS = ("fold", "speaker")
# The column of a table that says which recordings were cut out of one.
_SOURCE = "source"
# What the names of takes of one recording end in: `dog-17-A` and `dog-17-B`.
_TAKE = re.compile(r"[-_ .](?:[A-Za-z]|\d{1,4})$")
# Takes of one recording are a few; more of one name are a class.
_MOST_TAKES = 0.1


@dataclasses.dataclass(frozen=True)
class Recordings:
    """What accuracies of a run are measured on.

    Attributes:
        sources: list of `Source`, with the shortest recordings first.
        labels: `(N,)` int64 array, of all of them.
        divisions: list of `Division`.
        said: list of str, what a user should know about them.
    """

    sources: list[Source]
    labels: np.ndarray
    divisions: list[Division]
    said: list[str]


def of_run(run):
    """Finds the labelled recordings of a run and how they are divided.

    By folds, then by speakers, where a table has a column of them; by the splits, where
    there are two; else a part is held out.

    Args:
        run: `Run` of recordings.

    Returns:
        `Recordings`.

    Raises:
        InputError: where nothing can be measured, with the reason.
    """
    config = run.config
    sources = [run.train_source]
    if config.test_split != config.train_split and run.has_split(config.test_split):
        sources.append(_without(run.source(config.test_split), sources[0].paths))
    sources = [source.labelled() for source in sources if source is not None]
    for source in sources:
        if not source.has_labels:
            raise InputError(f"nothing can be measured: {source.no_labels}")
    sources = [source.by_length() for source in sources]
    labels = np.concatenate([source.labels() for source in sources])
    divisions = [
        by_column(name, cells) for name in _FOLDS if (cells := _cells(sources, name))
    ]
    said = []
    if len(sources) > 1:
        is_test = np.repeat([False, True], [s.num_images for s in sources])
        name = f"{config.train_split} and {config.test_split}"
        divisions.append(Division(name, [is_test]))
    elif not divisions:
        divisions.append(Division("held out", [labelled.held_out(labels)]))
        said.append(
            "There are no folds, speakers or test recordings: 20 % of each class (seed "
            "0) are held out to test on; the encoder has seen them, without labels."
        )
    groups = _groups(sources, labels)
    said += [line for d in divisions if (line := _straddling(d, groups))]
    return Recordings(sources, labels, divisions, said)


def _without(source, paths):
    """The source without some files; None where it has no other."""
    known = set(paths)
    kept = np.array([path not in known for path in source.paths])
    return source.only(kept) if kept.any() else None


def _cells(sources, name):
    """A column of the table, where every recording has a cell and values differ."""
    cells = [cell for source in sources for cell in source.columns.get(name, ())]
    whole = len(cells) == sum(source.num_images for source in sources)
    return cells if whole and all(cells) and len(set(cells)) > 1 else None


def _groups(sources, labels):
    """What each recording may have been cut out of; "" where nothing says so."""
    cells = _cells(sources, _SOURCE)
    if cells:
        return cells
    paths = [path for source in sources for path in source.paths]
    stems = [re.sub(r"\.\w+$", "", path) for path in paths]
    groups = [_TAKE.sub("", stem) if _TAKE.search(stem) else "" for stem in stems]
    counts = collections.Counter(groups)
    of_class = collections.defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        of_class[label].add(group)
    most = max(2, _MOST_TAKES * len(groups))
    return [
        group if counts[group] <= most and len(of_class[label]) > 1 else ""
        for group, label in zip(groups, labels, strict=True)
    ]


def _straddling(division, groups):
    """A line where recordings of one source are learned from and tested on."""
    groups = np.array(groups)
    both: set[str] = set()
    for test in division.tests:
        both |= (set(groups[test]) & set(groups[~test])) - {""}
    if not both:
        return ""
    example = min(both).rsplit("/", 1)[-1]
    return (
        f"{division.name}: takes of {len(both):,} sources, such as {example}, are "
        "learned from and tested on; where they are of one recording, accuracies are "
        "too high."
    )
