"""Four ways to learn from a pool of which some images have labels."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import keras_twins as kt
from benchmarks.active_learning.settings import BATCH_SIZE, CLASSES, LABELLED_ROWS
from keras_twins.evaluation import fine_tuning

# As in measurements of choosing by coverage: the same at every budget.
_PROBE_C = 0.1
_RATE, _DECAY, _CLASSIFIER_ROWS = 2e-3, 1e-4, 64


class Restart:
    """A compiled model that starts anew as often as wanted; its step is traced once."""

    def __init__(self, model):
        self.model = model
        model.optimizer.build(model.trainable_variables)
        variables = [*model.variables, *model.optimizer.variables]
        self._initial = [(variable, variable.numpy()) for variable in variables]

    def anew(self, *parts):
        """The model as it was in the beginning, but for some of its weights.

        Args:
            *parts: `(layer, weights)` of each part that has other weights.
        """
        for variable, value in self._initial:
            variable.assign(value)
        for layer, weights in parts:
            layer.set_weights(weights)
        return self.model


class Start(NamedTuple):
    """An encoder that was trained without labels, and what it was before.

    Attributes:
        seed: int.
        untrained: weights of the encoder before.
        encoder: weights of the encoder.
        projector: weights of the projector.
        embeddings: `(N, D)` float32 array, of the pool.
        test_embeddings: `(M, D)` float32 array.
    """

    seed: int
    untrained: list[np.ndarray]
    encoder: list[np.ndarray]
    projector: list[np.ndarray]
    embeddings: np.ndarray
    test_embeddings: np.ndarray


class Learners:
    """What learns from one pool, started from one encoder for each seed.

    Args:
        setting: `Setting`.
        weight: float, `classification_weight` of `kt.models.JointTwins`.
        images: `(N, H, W, 3)` uint8 array, the pool.
        test: `(M, H, W, 3)` uint8 array.
    """

    def __init__(self, setting, weight, images, test):
        self.setting = setting
        self._pool = kt.data.from_arrays(images)
        self._images, self._test = images, test
        self._pixels = images.reshape(len(images), -1).astype(np.float32)
        self._views = kt.augment.TwoViews(setting.views, seed=0)
        self._prepared = self._views.prepare(images).numpy()
        self._prepared_test = self._views.prepare(test).numpy()
        parts = self._parts()
        twins = kt.models.Twins(*parts, self._views)
        self._twins = self._restart(twins, setting.epochs * len(self._batches(0)))
        joint = kt.models.JointTwins(
            *self._parts(),
            CLASSES,
            self._views,
            classification_weight=weight,
        )
        self._joint = self._restart(joint, setting.steps)
        self._classifier = Restart(
            fine_tuning.classifier(parts[0], CLASSES, setting.steps)
        )

    def pretrain(self, seed):
        """Trains an encoder without labels; gives the `Start` of all learners."""
        keras.utils.set_random_seed(seed)
        encoder, projector = self._parts()
        untrained, projections = encoder.get_weights(), projector.get_weights()
        twins = self._twins.model
        self._twins.anew((twins.encoder, untrained), (twins.projector, projections))
        twins.fit(self._batches(seed), epochs=self.setting.epochs, verbose=0)
        return Start(
            seed,
            untrained,
            twins.encoder.get_weights(),
            twins.projector.get_weights(),
            twins.embed(self._images),
            twins.embed(self._test),
        )

    def begin(self, start):
        """What is learned from now on begins with this `Start`."""
        self._start = start

    def features(self, learner):
        """What the first images are chosen by: pixels where there is no embedding."""
        return self._pixels if learner == "supervised" else self._start.embeddings

    def learn(self, learner, labels):
        """Trains one of `LEARNERS` with the labels that there are.

        Args:
            learner: str.
            labels: `(N,)` array, -1 where there is none.

        Returns:
            `(pool, test)`: probabilities of the classes, `(N, CLASSES)` and
            `(M, CLASSES)`.
        """
        if learner == "probe":
            return self._learn_probe(labels)
        if learner == "joint":
            return self._learn_joint(labels)
        is_alone = learner == "supervised"
        return self._learn_classifier(
            self._start.untrained if is_alone else self._start.encoder, labels
        )

    def _learn_probe(self, labels):
        known = labels >= 0
        scaler = StandardScaler().fit(self._start.embeddings)
        probe = LogisticRegression(C=_PROBE_C, max_iter=1000)
        probe.fit(scaler.transform(self._start.embeddings[known]), labels[known])
        found = []
        for features in (self._start.embeddings, self._start.test_embeddings):
            shares = np.zeros((len(features), CLASSES))
            shares[:, probe.classes_] = probe.predict_proba(scaler.transform(features))
            found.append(shares)
        return found

    def _learn_classifier(self, encoder_weights, labels):
        model = self._classifier.model
        encoder, head = model.layers[-2:]
        self._classifier.anew(
            (encoder, encoder_weights), (head, self._head_weights(head))
        )
        rows = self.setting.steps * _CLASSIFIER_ROWS
        shown = tf.data.Dataset.from_tensor_slices(self._passes(labels, rows))
        prepared, labels = tf.constant(self._prepared), tf.constant(labels)
        batches = shown.batch(_CLASSIFIER_ROWS).map(
            lambda places: (tf.gather(prepared, places), tf.gather(labels, places))
        )
        model.fit(batches, shuffle=False, verbose=0)
        return [
            tf.nn.softmax(model.predict(images, batch_size=256, verbose=0)).numpy()
            for images in (self._prepared, self._prepared_test)
        ]

    def _passes(self, labels, rows):
        """Places of labelled images: permutations, one after the other."""
        known = np.flatnonzero(labels >= 0)
        generator = np.random.default_rng(self._start.seed)
        passes = [generator.permutation(known) for _ in range(-(-rows // len(known)))]
        return np.concatenate(passes)[:rows]

    def _learn_joint(self, labels):
        model, setting = self._joint.model, self.setting
        self._joint.anew(
            (model.encoder, self._start.encoder),
            (model.projector, self._start.projector),
            (model.head, self._head_weights(model.head)),
        )
        batches = kt.data.joint_pipeline(
            self._pool, labels, None, BATCH_SIZE, LABELLED_ROWS, self._start.seed
        )
        model.fit(batches.repeat().take(setting.steps), verbose=0)
        return [model.classify(images) for images in (self._images, self._test)]

    def _head_weights(self, head):
        kernel = keras.initializers.GlorotUniform(self._start.seed)(head.kernel.shape)
        return [kernel.numpy(), np.zeros(CLASSES, np.float32)]

    def _batches(self, seed):
        return kt.data.image_batches(self._pool, BATCH_SIZE, seed)

    def _parts(self):
        s = self.setting
        encoder = kt.models.residual_encoder(
            (s.size, s.size, 3), s.stem, s.widths, s.depths, output_norm=True
        )
        return encoder, kt.models.projector(s.widths[-1], s.projector)

    def _restart(self, model, steps):
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps, warmup_target=_RATE, warmup_steps=steps // 10
        )
        loss = kt.losses.BarlowTwinsLoss(self.setting.redundancy_weight)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=_DECAY)
        model.compile(optimizer, loss=loss, jit_compile=False)
        return Restart(model)
