"""What TensorBoard shows of a run beside the scalars that Keras writes."""

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector

from keras_twins import pictures
from keras_twins.callbacks.attempts import Attempts
from keras_twins.types import StrPath

# The projector slows down beyond some thousand points, and sprites end at 8192 pixels.
_PROJECTED = 2000
_THUMBNAIL = 48


class Scalars(keras.callbacks.TensorBoard):
    """The scalars of a training, whose loss does not stop it.

    Args:
        directory: path of the folder that TensorBoard is started on.
        attempts: `Attempts` that says why nothing more is written.
    """

    def __init__(self, directory: StrPath, attempts: Attempts) -> None:
        super().__init__(directory, write_graph=False)
        self._attempts = attempts
        self._fails = False

    def _attempt(self, hook, *arguments):
        def write():
            self._fails = True
            getattr(super(Scalars, self), hook)(*arguments)
            self._fails = False

        if not self._fails:
            self._attempts.attempt("TensorBoard", write)

    def set_model(self, model):
        self._attempt("set_model", model)

    def on_train_begin(self, logs=None):
        self._attempt("on_train_begin", logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._attempt("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._attempt("on_train_batch_end", batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._attempt("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._attempt("on_epoch_end", epoch, logs)

    def on_train_end(self, logs=None):
        self._attempt("on_train_end", logs)


class Writer:
    """Writes histograms, pictures and the embedding projector of a run.

    Args:
        directory: path of the folder that TensorBoard is started on.
        class_names: sequence of str, or None where there are none.
        draw: function of what is embedded and a side in pixels that gives a PIL image.
            Defaults to that of images.
    """

    def __init__(self, directory, class_names=None, draw=None):
        self._directory = directory
        self._class_names = class_names
        self._draw = draw
        self._events = None

    def write_deviations(self, epoch, deviations):
        """Writes a histogram of the features' deviations, `(D,)`."""
        with self._writer().as_default(step=epoch):
            tf.summary.histogram("embedding/feature_deviation", deviations)
        self._events.flush()

    def write_snapshot(self, snapshot):
        """Writes the correlation matrix as a picture, and a snapshot's figures."""
        with self._writer().as_default(step=snapshot.epochs):
            picture = pictures.heat_map(snapshot.correlation)
            tf.summary.image("cross_correlation", picture[None])
            for name in ("on_diagonal", "off_diagonal", "linear_hsic", "alignment"):
                tf.summary.scalar(f"snapshot/{name}", getattr(snapshot, name))
        self._events.flush()

    def write_projector(self, features, labels, dataset):
        """Writes embeddings and labels, and thumbnails, for the projector plug-in.

        Args:
            features: `(N, D)` array; the first 2 000 rows are shown.
            labels: `(N,)` array of labels, or None.
            dataset: batched `tf.data.Dataset` of the images, in the features' order.
        """
        folder = self._directory / "projector"
        folder.mkdir(parents=True, exist_ok=True)
        features = features[:_PROJECTED]
        np.savetxt(folder / "embeddings.tsv", features, "%.6g", "\t")
        names = pictures.names(labels, self._class_names, len(features))
        lines = ["index\tclass", *(f"{i}\t{name}" for i, name in enumerate(names))]
        (folder / "labels.tsv").write_text("\n".join(lines) + "\n")
        config = projector.ProjectorConfig()
        embedding = config.embeddings.add()
        embedding.tensor_name = "test images"
        embedding.tensor_path = "projector/embeddings.tsv"
        embedding.metadata_path = "projector/labels.tsv"
        count = len(features)
        thumbnails = pictures.thumbnails(dataset, count, _THUMBNAIL, self._draw)
        pictures.sprite(thumbnails).save(folder / "thumbnails.png")
        embedding.sprite.image_path = "projector/thumbnails.png"
        embedding.sprite.single_image_dim.extend([_THUMBNAIL, _THUMBNAIL])
        projector.visualize_embeddings(str(self._directory), config)

    def _writer(self):
        if self._events is None:
            self._events = tf.summary.create_file_writer(
                str(self._directory / "embedding")
            )
        return self._events
