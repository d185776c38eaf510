"""What an encoder makes of images: a map, neighbours, and the views it learned from."""

import dataclasses
import os

import numpy as np

from keras_twins import evaluation, pictures, progress
from keras_twins.collection import Neighbours
from keras_twins.evaluation.checks import check_features
from keras_twins.report import embedding_map
from keras_twins.runs import drawn_views

IMAGES = 2000  # as many as a map shows apart, and a sprite of thumbnails holds
_THUMBNAIL = 48
_QUERIES = 12
_NEIGHBOURS = 6
_VIEWED = 6
_VIEW = 96


@dataclasses.dataclass(frozen=True)
class Looks:
    """Pictures of a run.

    Attributes:
        split: str, which images these are.
        count: int, how many of them.
        sprite: str, data URI of a sheet of thumbnails, `columns` in a row.
        columns: int.
        points: `(N, 2)` array, the map.
        method: str, how the map was made.
        classes: list of N str, empty ones where there are no labels.
        groups: list of N str, what the colours of the map tell apart: the classes, or
            the folders of files without labels; empty ones where there are neither.
        paths: list of N str, or None where the images are not files.
        word: str, what one of them is called.
        neighbours: list of `(row, [(row, similarity), ...])`.
    """

    split: str
    count: int
    sprite: str
    columns: int
    points: np.ndarray
    method: str
    classes: list[str]
    neighbours: list
    groups: list[str]
    paths: list[str] | None = None
    word: str = "image"


def look(encoder, shown):
    """Embeds images of a run and arranges them.

    Args:
        encoder: `keras.Model` from pixels to embeddings.
        shown: `keras_twins.runs.images.Images`, at most `IMAGES` of them.

    Returns:
        `Looks`.

    Raises:
        InputError: for embeddings that are not finite.
    """
    features, labels = evaluation.embed(encoder, shown.batches, verbose=1)
    check_features(shown.split, features)
    with progress.stage(f"making thumbnails of {len(features):,} {shown.word}s"):
        thumbnails = pictures.thumbnails(
            shown.batches, len(features), _THUMBNAIL, shown.draw
        )
    with progress.stage("making the map; UMAP compiles itself first"):
        points, method = embedding_map.project(features)
    classes = pictures.names(labels, shown.class_names, len(features))
    paths = None if shown.paths is None else shown.paths[: len(features)]
    return Looks(
        split=shown.split,
        count=len(features),
        sprite=pictures.data_uri(pictures.sprite(thumbnails), quality=85),
        columns=pictures.columns(len(features)),
        points=points,
        method=method,
        classes=classes,
        neighbours=_neighbours(features, labels),
        groups=folders(paths) if paths and labels is None else classes,
        paths=paths,
        word=shown.word,
    )


def folders(paths):
    """The folder of each file, below the one that all are in.

    Examples:
        >>> from keras_twins.report.looks import folders
        >>> folders(["scans/a/1.png", "scans/b/c/2.png", "scans/3.png"])
        ['a', 'b/c', '.']
    """
    found = [os.path.dirname(path) for path in paths]
    root = os.path.commonpath(found)
    return [os.path.relpath(folder, root) for folder in found]


def views(run):
    """The first images of a run with their views.

    Args:
        run: `keras_twins.runs.run.Run`.

    Returns:
        list of an image's pictures each: `(name, data URI)` of itself, of view a, of
        view b and of further ones.
    """
    found, names = [], drawn_views.names(run.config)
    for shown in drawn_views.of_run(run, _VIEWED):
        small = [pictures.thumbnail(pixels, _VIEW) for pixels in shown]
        uris = [pictures.data_uri(picture, quality=85) for picture in small]
        found.append(list(zip(names, uris, strict=True)))
    return found


def _neighbours(features, labels):
    """The nearest images of twelve that are spread over the classes."""
    queries = _spread(len(features), labels)
    k = min(_NEIGHBOURS + 1, len(features))
    rows, similarities = Neighbours(features).search(features[queries], k)
    found = []
    for query, near, cosines in zip(queries, rows, similarities, strict=True):
        pairs = [
            (int(row), float(cosine))
            for row, cosine in zip(near, cosines, strict=True)
            if row != query
        ]
        found.append((int(query), pairs[:_NEIGHBOURS]))
    return found


def _spread(count, labels):
    """Rows of twelve images: of each class in turn, else at even distances."""
    if labels is None:
        chosen = np.linspace(0, count - 1, min(_QUERIES, count))
        return np.unique(chosen.astype(int))
    # The first images of all classes, then the second ones, and so on.
    order = np.argsort(labels, kind="stable")
    counts = np.unique(labels, return_counts=True)[1]
    turns = np.concatenate([np.arange(count) for count in counts])
    return order[np.argsort(turns, kind="stable")][:_QUERIES]
