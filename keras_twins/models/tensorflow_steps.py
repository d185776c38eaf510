"""The training and test steps of `Twins` with the TensorFlow backend."""

import functools

import keras
import tensorflow as tf

from keras_twins import distribution, keys, replicas
from keras_twins.losses import PairLoss
from keras_twins.types import Tensor

# A singular value decomposition costs little beside a step, but not nothing.
_STEPS_BETWEEN_SPECTRA = 16


class TensorFlowSteps(distribution.SeveralWorkers):
    """Steps whose loss and metrics are those of the global batch.

    A loss value is the same on all replicas, and each replica's gradient is its share
    of the global one; the optimizer sums them. See `keras_twins.losses.PairLoss`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._means = {
            name: keras.metrics.Mean(name=name)
            for name in (
                "loss",
                "on_diagonal",
                "off_diagonal",
                "embedding_std",
                "effective_rank",
            )
        }

    @property
    def metrics(self):
        return list(self._means.values())

    @functools.wraps(keras.Model.fit)
    def fit(self, x=None, *args, **kwargs):
        # Keras shuffles arrays alone, and warns of every dataset without this.
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)
        return super().fit(x, *args, **kwargs)

    def train_step(self, data: Tensor) -> dict[str, tf.Tensor]:
        step = tf.cast(self.optimizer.iterations, tf.int64)
        pair = self._pair(data, step)
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            embedding, terms, loss = self._forward(pair, training=True)
            scaled = self.optimizer.scale_loss(loss)
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self._update(terms, embedding)
        first = self._means["effective_rank"].count == 0.0
        now = tf.logical_or(step % _STEPS_BETWEEN_SPECTRA == 0, first)
        self._update_spectrum(embedding, weight=tf.cast(now, tf.float32))
        return self.get_metrics_result()

    def test_step(self, data: Tensor) -> dict[str, tf.Tensor]:
        # Steps are counted from 0, so that no training step shares these views.
        pair = self._pair(data, tf.constant(-1, tf.int64))
        embedding, terms, _ = self._forward(pair, training=False)
        self._update(terms, embedding)
        self._update_spectrum(embedding, weight=tf.constant(1.0))
        return self.get_metrics_result()

    def _pair(self, data, step):
        """The two views of a batch, made here where the model has `views`."""
        tensors = keras.tree.flatten(data)
        if self.views is not None:
            images = tensors[0]
            return self.views(images, keys=keys.row_keys(step, tf.shape(images)[0]))
        if len(tensors) != 2:
            raise ValueError(
                "A model without `views` is trained on pairs of views. Expected "
                "batches `(view_a, view_b)`, or `Twins(..., views=TwoViews(...))`. "
                f"Received: {len(tensors)} tensor(s) a batch"
            )
        return tuple(tensors)

    def _forward(self, pair, training):
        """Embeddings of view a, terms of the global batch, this replica's loss."""
        view_a, view_b = pair
        embedding = self.encoder(view_a, training=training)
        z_a = self.projector(embedding, training=training)
        z_b = self.projector(self.encoder(view_b, training=training), training=training)
        terms = self._terms(z_a, z_b)
        loss = terms["loss"]
        if self.losses:
            # Regularisation is the same on all replicas, whose gradients are summed.
            regularisation = tf.add_n(self.losses)
            loss = loss + regularisation / replicas.current().count
            terms["loss"] = terms["loss"] + regularisation
        return tf.stop_gradient(tf.cast(embedding, tf.float32)), terms, loss

    def _terms(self, z_a, z_b):
        if isinstance(self.loss, PairLoss):
            return self.loss.terms(z_a, z_b)
        # Some other loss, the mean over samples: weighted by this replica's share.
        group = replicas.current()
        rows = tf.cast(tf.shape(z_a)[0], tf.float32)
        share = rows / group.sum(rows)
        return {"loss": group.total(self.loss(z_a, z_b) * share)}

    def _update(self, terms, embedding):
        rows = replicas.current().sum(tf.cast(tf.shape(embedding)[0], tf.float32))
        for name, value in terms.items():
            self._means[name].update_state(value, sample_weight=rows)

    def _update_spectrum(self, embedding, weight):
        embeddings = replicas.current().gather(embedding)
        std, rank = tf.cond(
            weight > 0.0,
            lambda: (_embedding_std(embeddings), _effective_rank(embeddings)),
            lambda: (0.0, 0.0),
        )
        self._means["embedding_std"].update_state(std, sample_weight=weight)
        self._means["effective_rank"].update_state(rank, sample_weight=weight)


def _embedding_std(embeddings):
    normalised = tf.math.l2_normalize(embeddings, axis=1)
    width = tf.cast(tf.shape(embeddings)[1], tf.float32)
    return tf.reduce_mean(tf.math.reduce_std(normalised, axis=0)) * tf.sqrt(width)


def _effective_rank(embeddings):
    values = tf.linalg.svd(embeddings, compute_uv=False)
    shares = values / tf.maximum(tf.reduce_sum(values), 1e-30)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares)))
