"""What `neighbours` searches: a file of embeddings, or the images of a run.

Each has `found`, the embeddings with their paths; `path`, where they are kept;
`levels`, of 16-bit samples; `modality`, of its files; `embed(queries)`, `name(row)` and
`thumbnails(rows)`.
"""

import functools
import pathlib

import numpy as np

from keras_twins import pictures, progress
from keras_twins.collection.file_pictures import picture_of
from keras_twins.commands import embeddings_file
from keras_twins.commands.startup import start_tensorflow
from keras_twins.decode import host
from keras_twins.decode.modality import IMAGES
from keras_twins.errors import InputError
from keras_twins.serving import local, model_input, same_model
from keras_twins.serving.client import EmbeddingClient, ServerError

_QUERIES_AT_A_TIME = 32


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

    @functools.cached_property
    def modality(self):
        """That of the model; of images where there is none."""
        if self._version is not None:
            return model_input.of_version(self._version).modality
        if self._server is None:
            return IMAGES
        try:
            with self._opened() as embedder:
                return embedder.input().modality
        except ServerError as error:
            raise InputError(f"--server={error}") from error

    def embed(self, queries):
        """The embeddings of images that are not in the file, `(Q, D)`.

        Raises:
            InputError: for a query that is not an image, or another model than the one
                that the embeddings are of.
        """
        model = self._version or f"--server={self._server[0]}"
        try:
            with self._opened() as embedder:
                rows = embedder.embed(queries)
                where = f"--embeddings={self.path}"
                same_model.check(embedder, model, self.found, where)
        except ServerError as error:
            raise InputError(f"--server={error}") from error
        return rows

    def name(self, row):
        return self.found.paths[row]

    def thumbnails(self, rows, side):
        """Small pictures of some rows, by row; None where a file cannot be read."""
        return {row: thumbnail(self.found.paths[row], side) for row in rows}

    def _opened(self):
        if self._server is None:
            start_tensorflow(keras=False)
            with progress.stage(f"neighbours: loading {self._version}"):
                return local.ExportedModel(self._version, _QUERIES_AT_A_TIME)
        url, name = self._server
        if url.startswith("grpc"):
            start_tensorflow(keras=False)  # The stubs of TensorFlow Serving import it.
        return EmbeddingClient(url, name, batch_size=_QUERIES_AT_A_TIME)


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
        self.modality = self._source.modality
        everything = embeddings_file.of_run(run)
        # Test images come behind them.
        self.found = everything.only(np.arange(self._source.num_images))

    def embed(self, queries):
        """The embeddings of images by the run's encoder, `(Q, D)`."""
        from keras_twins.runs.embedder import RunEmbedder  # It imports TensorFlow.

        return RunEmbedder(self._run).embed(queries)

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


def thumbnail(path, side, levels=None):
    """A small square picture of a file; None where it cannot be read."""
    try:
        return pictures.thumbnail(_pixels(path, levels), side)
    except (InputError, *host.ERRORS):
        return None


def _pixels(path, levels):
    if levels is None:
        return np.asarray(picture_of(path))
    from keras_twins.runs.embedder import read_picture  # It imports TensorFlow.

    return read_picture(path, levels)
