"""What `neighbours` searches: a file of embeddings, or the images of a run.

Each has `found`, the embeddings with their paths; `path`, where they are kept;
`levels`, of 16-bit samples; `embed(queries)`, `name(row)` and `thumbnails(rows)`.
"""

import itertools
import os
import pathlib

import numpy as np

from keras_twins import pictures, progress
from keras_twins.collection import Embeddings
from keras_twins.commands import embeddings_file
from keras_twins.decode import errors
from keras_twins.errors import InputError
from keras_twins.serving import client_images, local
from keras_twins.serving.client import EmbeddingClient, ImageError, ServerError

_QUERIES_AT_A_TIME = 32
# Files of the collection that are embedded again, and how many are looked for, to see
# that the model is the one that the embeddings are of. Other processors and precisions
# give nearly the same.
_PROBES, _LOOKED_AT, _SAME = 3, 1000, 0.98


class File:
    """The images of a file of embeddings.

    Args:
        path: path of a file of `keras-twins embed`, or of a folder of shards.
        version: path of a version's folder of the exported model that embeds queries,
            or None.
        server: `(url, model name)` of a server that does, or None.
    """

    levels = None

    def __init__(self, path, version=None, server=None):
        self.path = pathlib.Path(path)
        self.found = embeddings_file.read(path)
        self._version, self._server = version, server

    @property
    def can_embed(self):
        """Whether there is a model for new queries."""
        return self._version is not None or self._server is not None

    def embed(self, queries):
        """The embeddings of images that are not in the file, `(Q, D)`.

        Raises:
            InputError: for a query that is not an image, or another model than the one
                that the embeddings are of.
        """
        try:
            with self._opened() as embedder:
                rows = embedder.embed(queries)
                self._check_model(embedder, rows.shape[1])
        except ServerError as error:
            raise InputError(f"--server={error}") from error
        return rows

    def name(self, row):
        return self.found.paths[row]

    def thumbnails(self, rows, side):
        """Small pictures of some rows, by row; None where a file cannot be read."""
        return {row: thumbnail(self.found.paths[row], side) for row in rows}

    def _opened(self):
        if self._server is not None:
            url, name = self._server
            return EmbeddingClient(url, name, batch_size=_QUERIES_AT_A_TIME)
        with progress.stage(f"neighbours: loading {self._version}"):
            return local.ExportedModel(self._version, _QUERIES_AT_A_TIME)

    def _check_model(self, embedder, width):
        kept = self.found.embeddings
        model = self._version or f"--server={self._server[0]}"
        if width != kept.shape[1]:
            raise InputError(
                f"{model} gives embeddings of width {width}; those of "
                f"--embeddings={self.path} have a width of {kept.shape[1]}"
            )
        cosines = list(self._cosines_of_probes(embedder))
        if cosines and max(cosines) < _SAME:
            raise InputError(
                f"{model} is not the model of --embeddings={self.path}: it gives the "
                f"first {len(cosines)} files that are there other embeddings (cosine "
                f"{max(cosines):.2f} at most); give the model that wrote them"
            )

    def _cosines_of_probes(self, embedder):
        """How alike embeddings of files of the collection are to those kept."""
        paths = enumerate(self.found.paths[:_LOOKED_AT])
        there = ((row, path) for row, path in paths if os.path.isfile(path))
        for row, path in itertools.islice(there, _PROBES):
            try:
                (again,) = embedder.embed([path])
            except ImageError:
                continue  # It has become another file.
            kept = self.found.embeddings[row]
            lengths = np.linalg.norm(again) * np.linalg.norm(kept)
            yield float(again @ kept / max(lengths, np.finfo(np.float32).tiny))


class OfRun:
    """The training images of a run.

    Args:
        run: `keras_twins.runs.run.Run` that has ended.

    Raises:
        InputError: for a run without an encoder, or embeddings that are not finite.
    """

    can_embed = True

    def __init__(self, run):
        self._run = run
        self._source = run.train_source
        self.path = run.workdir.embeddings
        self.levels = run.levels
        everything = embeddings_file.of_run(run)
        here = slice(self._source.num_images)  # Test images come behind them.
        self.found = Embeddings(
            everything.embeddings[here],
            everything.paths[here],
            columns={name: v[here] for name, v in everything.columns.items()},
        )

    def embed(self, queries):
        """The embeddings of images by the run's encoder, `(Q, D)`."""
        # It imports TensorFlow.
        from keras_twins.augment.prepare import resize_and_crop

        encoder, settings = self._run.trained_encoder(), self._run.config.evaluation
        parts = []
        for start in range(0, len(queries), _QUERIES_AT_A_TIME):
            images = [
                resize_and_crop(
                    read_picture(query, self.levels),
                    settings.image_size,
                    settings.resize,
                )
                for query in queries[start : start + _QUERIES_AT_A_TIME]
            ]
            parts.append(np.asarray(encoder(np.stack(images), training=False)))
        return np.concatenate(parts)

    def name(self, row):
        name, classes = self.found.paths[row], self.found.columns.get("class")
        if self._source.paths is not None or classes is None or not classes[row]:
            return name
        return f"{name}, class {classes[row]}"

    def thumbnails(self, rows, side):
        """As `File.thumbnails`; images that are not files are read up to the last."""
        if self._source.paths is not None:
            paths = self._source.paths
            return {row: thumbnail(paths[row], side, self.levels) for row in rows}
        wanted, found = set(rows), {}
        with progress.stage("neighbours: reading what was found"):
            for row, image in enumerate(self._source.dataset()):
                if row in wanted:
                    found[row] = pictures.thumbnail(image.numpy(), side)
                if len(found) == len(wanted):
                    break
        return found


def read_picture(path, levels=None):
    """The pixels of an image file, uint8 `(height, width, 3)`.

    Raises:
        InputError: for a file that is missing or not an image.
    """
    import tensorflow as tf  # When a picture is read.

    from keras_twins.decode.images import ImageDecoder  # It imports TensorFlow.

    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist; expected an image")
    encoded = client_images.encode(0, path)
    try:
        return ImageDecoder(levels).decode(encoded, path.name).numpy()
    except tf.errors.OpError as error:
        raise InputError(f"{path} {errors.reason(error.message)}") from error


def thumbnail(path, side, levels=None):
    """A small square picture of a file; None where it cannot be read."""
    try:
        return pictures.thumbnail(read_picture(path, levels), side)
    except InputError:
        return None
