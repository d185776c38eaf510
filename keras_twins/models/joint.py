"""Twins that learn to classify from the labels that there are."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from keras_twins import replicas
from keras_twins.models.batches import Pair
from keras_twins.models.twins import Twins
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable(package="keras_twins")
class JointTwins(Twins):
    """Twins with a linear classifier, trained together on one objective.

    The loss is `twin loss + classification_weight * cross-entropy`. The twin loss is
    that of all images of a batch, the cross-entropy the mean over those that have a
    label (the idea of Deep Active Learning Using Barlow Twins, arXiv 2212.14658). The
    classifier sees the encoder's embedding of the first view.

    `fit` takes batches with labels, where -1 stands for none: see
    `kt.data.joint_pipeline`. It logs the cross-entropy as `classification`, which is 0
    in a batch without a labelled image. Over several replicas both parts are those of
    the global batch, however the labelled images are spread.

    Args:
        encoder: as of `Twins`.
        projector: as of `Twins`.
        num_classes: int, 2 or more; labels are 0..num_classes - 1.
        views: as of `Twins`.
        classification_weight: float, 0 or more. A twin loss sums over its features, so
            that a weight of some tens balances the two.
        **kwargs: `predictor` and `momentum` as of `Twins`; others as of `keras.Model`.

    Attributes:
        head: the classifier, from embeddings `(batch_size, dim)` to float32 logits
            `(batch_size, num_classes)`.

    Raises:
        ValueError: as of `Twins`, and for fewer classes or a negative weight. In a
            step, for a batch without labels, or labels other than integers
            `(batch_size,)`.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> model = kt.models.JointTwins(encoder, kt.models.projector(16, (64, 64)), 3)
        >>> model.compile("adam", loss=kt.losses.BarlowTwinsLoss())
        >>> pair = np.random.default_rng(0).normal(size=(2, 64, 16, 16, 3))
        >>> labels = np.array([0, 1, 2, 2] + 60 * [-1])
        >>> logs = model.train_on_batch(tuple(pair), labels, return_dict=True)
        >>> sorted(logs)[:2]
        ['classification', 'embedding_std']
        >>> model.classify(pair[0]).shape
        (64, 3)
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model,
        num_classes: int,
        views: keras.Layer | None = None,
        classification_weight: float = 30.0,
        **kwargs: Any,
    ) -> None:
        if num_classes < 2:
            raise ValueError(
                "Invalid value for argument `num_classes`. Expected 2 or more. "
                f"Received: num_classes={num_classes}"
            )
        if not classification_weight >= 0:
            raise ValueError(
                "Invalid value for argument `classification_weight`. Expected a number "
                f">= 0. Received: classification_weight={classification_weight}"
            )
        super().__init__(encoder, projector, views, **kwargs)
        self.num_classes = num_classes
        self.classification_weight = classification_weight
        self.head = keras.layers.Dense(num_classes, dtype="float32", name="head")
        self.head.build(encoder.output_shape)

    @property
    def term_names(self) -> tuple[str, ...]:
        return (*super().term_names, "classification")

    def batch_terms(
        self, pair: Pair, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        embeddings, terms = super().batch_terms(pair, training)
        labels = _checked(pair.labels)
        classification = labelled_mean(self.head(embeddings), labels)
        loss = terms["loss"] + self.classification_weight * classification
        return embeddings, terms | {"loss": loss, "classification": classification}

    def classify(
        self, images: Any, batch_size: int = 256, verbose: int = 0
    ) -> npt.NDArray[np.float32]:
        """What the classifier takes each image for.

        Args:
            images: as of `embed`.
            batch_size: as of `embed`.
            verbose: as of `embed`.

        Returns:
            `(N, num_classes)` float32 array of probabilities; each row sums to 1.
        """
        logits = self.head(self.embed(images, batch_size, verbose))
        return ops.convert_to_numpy(ops.softmax(logits))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_classes": self.num_classes,
            "classification_weight": self.classification_weight,
        }


def labelled_mean(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy over the labelled rows of the global batch.

    Args:
        logits: `(batch_size, num_classes)`, of this replica's rows.
        labels: `(batch_size,)` integers; a negative one stands for none.

    Returns:
        float32 scalar, the same on all replicas, with the gradient of this replica's
        share; 0 where no row of any replica has a label.
    """
    known = labels >= 0
    values = keras.losses.sparse_categorical_crossentropy(
        ops.where(known, labels, 0), logits, from_logits=True
    )
    group = replicas.current()
    count = group.sum(ops.sum(ops.cast(known, "float32")))
    share = ops.sum(ops.where(known, ops.cast(values, "float32"), 0.0))
    return group.total(share / ops.maximum(count, 1.0))


def _checked(labels):
    """Labels as an integer tensor; refuses what is none."""
    if labels is not None:
        labels = ops.convert_to_tensor(labels)
        dtype = keras.backend.standardize_dtype(labels.dtype)
        if len(labels.shape) == 1 and keras.backend.is_int_dtype(dtype):
            return labels
    found = "none" if labels is None else f"{dtype} {tuple(labels.shape)}"
    raise ValueError(
        "`JointTwins` is trained with labels. Expected batches `((view_a, view_b), "
        "labels)`, where labels are integers of shape `(batch_size,)` and -1 stands "
        f"for no label. Received: labels={found}"
    )
