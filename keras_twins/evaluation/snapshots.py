"""What is kept of a model at the start, the middle and the end of its training."""

import dataclasses
import re

import keras
import numpy as np
import tensorflow as tf

from keras_twins import files, losses
from keras_twins.evaluation import diagnostics

# Of a wide matrix, the corner that a heat map can show.
_FEATURES = 128


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Two views of the same images, as the model saw them after some epochs.

    Attributes:
        epochs: int, how many had been trained.
        count: int, N, how many images.
        width: int, D, of the projections.
        correlation: `(d, d)` float32, cross-correlation of the first d = min(D, 128)
            features of the projections.
        on_diagonal: float, mean of Cᵢᵢ over all D features.
        off_diagonal: float, root mean square of Cᵢⱼ over all D (D − 1) pairs.
        linear_hsic: float, ‖C‖²_F of the projections.
        alignment: float, of the embeddings; see `keras_twins.evaluation`.
        spectrum: `(dim,)` float64, eigenvalues of the covariance of the embeddings of
            view a, largest first.
        deviations: `(dim,)` float32, standard deviation of each feature of them.
    """

    epochs: int
    count: int
    width: int
    correlation: np.ndarray
    on_diagonal: float
    off_diagonal: float
    linear_hsic: float
    alignment: float
    spectrum: np.ndarray
    deviations: np.ndarray


class Taker:
    """Takes snapshots of a `Twins` on the same views, in inference mode.

    Args:
        model: `keras_twins.models.Twins`.
        pairs: batched `tf.data.Dataset` of `(view_a, view_b)`; it does not look at
            further views.
    """

    def __init__(self, model, pairs):
        self._pairs = pairs

        # A batch of any size: the last one, which is smaller, is not traced anew.
        @tf.function(input_signature=[pairs.element_spec[0]])
        def embed(images):
            embedding = model.encoder(images, training=False)
            projection = model.projector(embedding, training=False)
            return tf.cast(embedding, tf.float32), tf.cast(projection, tf.float32)

        self._embed = embed

    def take(self, epochs):
        """Takes a snapshot of the model as it is now.

        Args:
            epochs: int, how many it has been trained for.

        Returns:
            `Snapshot`, or None where embeddings or projections are not finite.
        """
        embeddings, projections = self._outputs()
        if not all(np.isfinite(z).all() for z in (*embeddings, *projections)):
            return None
        terms = losses.BarlowTwinsLoss().terms(*projections)
        corner = [z[:, :_FEATURES] for z in projections]
        return Snapshot(
            epochs=epochs,
            count=len(projections[0]),
            width=projections[0].shape[1],
            correlation=keras.ops.convert_to_numpy(losses.cross_correlation(*corner)),
            on_diagonal=float(terms["on_diagonal"]),
            off_diagonal=float(terms["off_diagonal"]),
            linear_hsic=float(losses.linear_hsic(*projections)),
            alignment=diagnostics.alignment(*embeddings),
            spectrum=diagnostics.covariance_spectrum(embeddings[0]),
            deviations=embeddings[0].std(axis=0),
        )

    def _outputs(self):
        """Embeddings and projections of both views, `(N, dim)` and `(N, D)`."""
        outputs = [
            [part.numpy() for view in pair[:2] for part in self._embed(view)]
            for pair in self._pairs
        ]
        a, z_a, b, z_b = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return (a, b), (z_a, z_b)


def save(directory, snapshot):
    """Writes a snapshot, which replaces another one of the same epoch."""
    directory.mkdir(parents=True, exist_ok=True)
    with files.whole(directory / f"epoch-{snapshot.epochs:05d}.npz") as beside:
        np.savez_compressed(beside, **dataclasses.asdict(snapshot))


def read(directory):
    """The snapshots of a directory, which may not exist, in the order of epochs."""
    found = []
    for path in sorted(directory.glob("epoch-*.npz")):
        if re.fullmatch(r"epoch-\d+\.npz", path.name):
            with np.load(path) as file:
                values = {name: file[name] for name in file.files}
            plain = {k: v.item() if v.ndim == 0 else v for k, v in values.items()}
            found.append(Snapshot(**plain))
    return sorted(found, key=lambda snapshot: snapshot.epochs)
