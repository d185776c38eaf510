"""The model that two views train."""

from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import numpy.typing as npt

from keras_twins.losses import checks
from keras_twins.models import diagnostics, parts, refusals
from keras_twins.models.batches import Pair
from keras_twins.models.pair_losses import as_pair_loss, both_ways
from keras_twins.models.steps import Means
from keras_twins.models.teacher import Momentum, Teacher
from keras_twins.types import StrPath, Tensor

if TYPE_CHECKING:
    import tensorflow as tf

if keras.backend.backend() == "tensorflow":
    from keras_twins.models.tensorflow_steps import BackendSteps
elif keras.backend.backend() == "jax":
    from keras_twins.models.jax_steps import BackendSteps
else:
    from keras_twins.models.torch_steps import BackendSteps


_PARTS = ("encoder", "projector", "views", "predictor", "momentum")


@keras.saving.register_keras_serializable(package="keras_twins")
class Twins(BackendSteps):
    """An encoder and a projector, trained on two views of each image.

    Both views pass through both networks, one after the other, and the loss compares
    the two batches of projections (Barlow Twins, arXiv 2103.03230, figure 1). The
    projector serves the training alone: the encoder's output is the embedding. A
    `keras_twins.losses.ViewsLoss` compares any number of views, of any sizes that the
    encoder takes.

    `fit` and `evaluate` report, of the global batch under any `tf.distribute` strategy,
    `loss` and each of the loss's `term_names` (of Barlow Twins and HSIC `on_diagonal`,
    the mean of Cᵢᵢ, and `off_diagonal`, the root mean square of Cᵢⱼ, i ≠ j), and of the
    embeddings of the first view

    - `embedding_std`: mean deviation of a feature of the L2-normalised embeddings,
      times √dim: 1 where they spread evenly, 0 where all are the same;
    - `participation_ratio`: over how many directions the centred embeddings extend,
      `tr(G)² / ‖G‖²_F` of their Gram matrix (`keras_twins.models.diagnostics`): 1 where
      they collapsed to a line or a point, at most min(batch_size - 1, dim).

    `fit` takes what Keras's takes: arrays, `tf.data`, `PyDataset` and generators, here
    of `(view_a, view_b)`, `[view_a, view_b]` or `((view_a, view_b), labels)`; where the
    model makes the views, of images, `(images, labels)` or dictionaries with `"image"`
    and perhaps `"label"`. Further views stand after `view_b`. With JAX and PyTorch, the
    views are made outside.

    A predictor or a teacher makes the two sides unlike (SimSiam, arXiv 2011.10566;
    BYOL, arXiv 2006.07733). The loss then compares `(p_a, t_b)` and `(p_b, t_a)`, and
    its terms are the means of both. `p` are the student's projections, through the
    predictor where there is one. `t` are the targets, which no gradient passes: the
    teacher's projections, or without `momentum` the student's.

    Another method overrides `batch_terms`, and nothing else.

    Args:
        encoder: `keras.Model` from images `(batch_size, height, width, channels)` to
            embeddings `(batch_size, dim)`.
        projector: `keras.Model` from embeddings to projections `(batch_size, D)`; see
            `keras_twins.models.projector`.
        views: layer that makes two views of a batch of pixels, such as
            `keras_twins.augment.TwoViews`, or None. With it, the model takes pixels in
            0..255, makes the views on its own device and normalises what it embeds;
            without it, the model takes pairs of views, and images normalised as they
            are. It needs the TensorFlow backend.
        predictor: `keras.Model` from projections to projections of the same width, or
            None.
        momentum: float in 0..1, or a schedule of the optimizer's step from
            `keras.optimizers.schedules`; None for no teacher. The teacher is a moving
            average of the encoder and the projector, which `teacher.encoder` and
            `teacher.projector` are; it begins as their copy, and each step leaves it
            this share of itself. That of BYOL, a cosine from 0.99 to 1, is
            `CosineDecay(0.99, steps, alpha=1 / 0.99)`.
        **kwargs: as of `keras.Model`.

    Call arguments:
        - `inputs`: a pair of views, or more, which gives the projections of each, or
          one batch of images, which gives their embeddings.

    Raises:
        ValueError: for an encoder or projector that is not built or has several inputs
            or outputs, embeddings that are not flat, a projector of another width,
            views of a size or channels that the encoder does not take, `views` with
            another backend than TensorFlow, a predictor of another width, or momentum
            outside 0..1.

    Examples:
        >>> import numpy as np, tensorflow as tf, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> model = kt.models.Twins(encoder, kt.models.projector(16, (64, 64)))
        >>> model.compile("adam", loss=kt.losses.HSICLoss())
        >>> view_a, view_b = np.random.default_rng(0).normal(size=(2, 64, 16, 16, 3))
        >>> pairs = tf.data.Dataset.from_tensors((view_a, view_b))
        >>> sorted(model.fit(pairs, verbose=0).history)
        ['embedding_std', 'loss', 'off_diagonal', 'on_diagonal', 'participation_ratio']
        >>> model.embed(view_a).shape
        (64, 16)
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model,
        views: keras.Layer | None = None,
        predictor: keras.Model | None = None,
        momentum: Momentum | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        parts.check(encoder, projector, views, predictor, momentum)
        self.encoder = encoder
        self.projector = projector
        self.views = views
        self.predictor = predictor
        self.teacher = None
        if momentum is not None:
            self.teacher = Teacher(encoder, projector, momentum)
        self.built = True

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As of `keras.Model`, for one loss of two batches of projections.

        Args:
            optimizer: as of `keras.Model`.
            loss: loss of `keras_twins.losses`, whose terms are logged; or any
                `keras.losses.Loss` or function of `(z_a, z_b)`, two tensors of shape
                `(batch_size, D)`, of which `loss` alone is.
            loss_weights: None.
            metrics: None.
            weighted_metrics: None.
            **kwargs: as of `keras.Model`.

        Raises:
            ValueError: for another loss, loss weights or metrics, or a subclass that
                overrides `compute_loss` or `compute_metrics`, which no step calls.
        """
        pair_loss = as_pair_loss(loss)
        refusals.check_arguments(
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
        )
        refusals.check_overrides(type(self))
        super().compile(optimizer, loss=loss, **kwargs)
        # Keras would build what it makes of a loss by calling it on labels.
        self._compile_loss = None
        self.pair_loss = pair_loss
        self._means = Means(("loss", *self.term_names, *diagnostics.NAMES))

    def compile_from_config(self, config: dict[str, Any]) -> None:
        # Keras's own leaves a model alone whose `compile` is not Keras's.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms that `batch_terms` returns beside `"loss"`."""
        return tuple(self.pair_loss.term_names)

    def batch_terms(
        self, pair: Pair, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The embeddings of a batch and the loss with its terms.

        All that a step does follows from it: gradients, sums over replicas,
        regularisation, metrics and diagnostics. A subclass with another objective
        overrides it, and `term_names` where it has terms of its own.

        Args:
            pair: `keras_twins.models.Pair`: the views of each image, and the labels
                that came with them or None.
            training: bool, whether layers are to act as in training.

        Returns:
            `(embeddings, terms)`: the encoder's outputs for the first view,
            `(batch_size, dim)`; and a dictionary of `"loss"` and each of `term_names`,
            float32 scalars of the global batch: the same on each replica, with the
            gradient of this replica's share.
        """
        embeddings, projections = [], []
        for view in pair.views:
            embeddings.append(self.encoder(view, training=training))
            projections.append(self.projector(embeddings[-1], training=training))
        if self.predictor is None and self.teacher is None:
            return embeddings[0], self.pair_loss.view_terms(projections)
        checks.check_count("A predictor or a teacher", 2, len(projections))
        online = targets = tuple(projections)
        if self.predictor is not None:
            online = tuple(self.predictor(z, training=training) for z in online)
        if self.teacher is not None:
            targets = tuple(
                self.teacher(view, training=training) for view in pair.views
            )
        return embeddings[0], both_ways(self.pair_loss, online, targets)

    def call(
        self, inputs: Tensor | tuple[Tensor, ...], training: bool | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        if isinstance(inputs, (tuple, list)):
            return tuple(
                self.projector(self.encoder(view, training=training)) for view in inputs
            )
        if self.views is not None:
            inputs = self.views.prepare(inputs)
        return self.encoder(inputs, training=training)

    def embed(
        self,
        images: "npt.NDArray[Any] | tf.data.Dataset",
        batch_size: int = 256,
        verbose: int = 0,
    ) -> npt.NDArray[np.float32]:
        """Embeddings of images.

        Args:
            images: `(N, height, width, channels)` array, or a dataset of batches of
                them; pixels in 0..255 where the model has `views`, else normalised.
            batch_size: int, images at a time, for an array.
            verbose: 0 or 1, whether to show a progress bar.

        Returns:
            `(N, dim)` float32 array.
        """
        if self.views is not None:
            images = self._show_views(images)
        is_array = hasattr(images, "shape")
        embeddings = self.predict(
            images, batch_size=batch_size if is_array else None, verbose=verbose
        )
        return embeddings.astype(np.float32)

    def export(
        self,
        filepath: StrPath,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """As of `keras.Model`; by default of float32 images, whose embeddings it gives.

        Args:
            filepath: path of what is written.
            format: as of `keras.Model`.
            verbose: as of `keras.Model`.
            input_signature: as of `keras.Model`. By default one batch of any size, of
                images as `embed` takes them.
            **kwargs: as of `keras.Model`.
        """
        shape = self.encoder.input_shape
        if self.views is not None:  # which bring images of any size to the encoder's
            shape = (*(None for _ in shape[:-1]), shape[-1])
        super().export(
            filepath,
            format=format,
            verbose=verbose,
            input_signature=input_signature
            or [keras.InputSpec(shape=shape, dtype="float32")],
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        momentum = None if self.teacher is None else self.teacher.momentum
        return {
            "name": self.name,
            "dtype": serialize(self.dtype_policy),
            "encoder": serialize(self.encoder),
            "projector": serialize(self.projector),
            "views": serialize(self.views),
            "predictor": serialize(self.predictor),
            "momentum": serialize(momentum),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        config = dict(config)
        for part in ("dtype", *_PARTS):
            if isinstance(config.get(part), dict):
                config[part] = keras.saving.deserialize_keras_object(
                    config[part], custom_objects=custom_objects
                )
        return cls(**config)
