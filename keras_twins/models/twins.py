"""The model that two views train."""

from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import numpy.typing as npt

from keras_twins.types import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

if keras.backend.backend() == "tensorflow":
    from keras_twins.models.tensorflow_steps import TensorFlowSteps as _Steps
else:

    class _Steps:  # type: ignore[no-redef]  # One of the two is defined.
        """Keras's own steps, which call `Twins.compute_loss`."""


@keras.saving.register_keras_serializable(package="keras_twins")
class Twins(_Steps, keras.Model):
    """An encoder and a projector, trained on two views of each image.

    Both views pass through both networks, one after the other, and the loss compares
    the two batches of projections (Barlow Twins, arXiv 2103.03230, figure 1). The
    projector serves the training alone: the encoder's output is the embedding.

    With the TensorFlow backend, `fit` and `evaluate` report `loss` and, of the global
    batch under any `tf.distribute` strategy,

    - `on_diagonal`: mean of Cᵢᵢ;
    - `off_diagonal`: root mean square of Cᵢⱼ, i ≠ j;
    - `embedding_std`: mean deviation of a feature of the L2-normalised embeddings,
      times √dim: 1 where they spread evenly, 0 where all are the same;
    - `effective_rank`: exponential of the entropy of the normalised singular values of
      a batch of embeddings (Roy & Vetterli, 2007): 1 where they collapsed to a line, at
      most min(batch_size, dim).

    The last two are measured on the first and then on every sixteenth training step.

    Args:
        encoder: `keras.Model` from images `(batch_size, height, width, channels)` to
            embeddings `(batch_size, dim)`.
        projector: `keras.Model` from embeddings to projections `(batch_size, D)`; see
            `keras_twins.models.projector`.
        views: layer that makes two views of a batch of pixels, such as
            `keras_twins.augment.TwoViews`, or None. With it, the model takes pixels in
            0..255, makes the views on its own device and normalises what it embeds;
            without it, the model takes pairs of views, and images normalised as they
            are.
        **kwargs: as of `keras.Model`.

    Call arguments:
        - `inputs`: a pair of views, which gives the pair of projections, or one batch
          of images, which gives their embeddings.

    Raises:
        ValueError: for an encoder or projector that is not built, embeddings that are
            not flat, or a projector of another width.

    Examples:
        >>> import numpy as np, tensorflow as tf, keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> model = kt.models.Twins(encoder, kt.models.projector(16, (64, 64)))
        >>> model.compile("adam", loss=kt.losses.HSICLoss())
        >>> view_a, view_b = np.random.default_rng(0).normal(size=(2, 64, 16, 16, 3))
        >>> pairs = tf.data.Dataset.from_tensors((view_a, view_b))
        >>> sorted(model.fit(pairs, verbose=0).history)
        ['effective_rank', 'embedding_std', 'loss', 'off_diagonal', 'on_diagonal']
        >>> model.embed(view_a).shape
        (64, 16)
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model,
        views: keras.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, part in (("encoder", encoder), ("projector", projector)):
            if not part.built:
                raise ValueError(
                    f"The {name} has no weights yet. Expected a built `keras.Model`: "
                    "give its first layer an input shape. "
                    f"Received: {name}={part}"
                )
        _check_widths(encoder.output_shape, projector.input_shape)
        self.encoder = encoder
        self.projector = projector
        self.views = views
        self.built = True

    def call(
        self, inputs: Tensor | tuple[Tensor, Tensor], training: bool | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        if isinstance(inputs, (tuple, list)):
            view_a, view_b = inputs
            z_a = self.projector(self.encoder(view_a, training=training))
            z_b = self.projector(self.encoder(view_b, training=training))
            return z_a, z_b
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
        is_array = hasattr(images, "shape")
        return self.predict(
            images, batch_size=batch_size if is_array else None, verbose=verbose
        )

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The loss of a pair of projections `y_pred`, on any backend."""
        loss = self.loss(*y_pred)
        for regularisation in self.losses:
            loss = loss + regularisation
        return loss

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "dtype": serialize(self.dtype_policy),
            "encoder": serialize(self.encoder),
            "projector": serialize(self.projector),
            "views": serialize(self.views) if self.views is not None else None,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        config = dict(config)
        for part in ("dtype", "encoder", "projector", "views"):
            if isinstance(config.get(part), dict):
                config[part] = keras.saving.deserialize_keras_object(
                    config[part], custom_objects=custom_objects
                )
        return cls(**config)


def _check_widths(embedding_shape, projector_shape):
    if len(embedding_shape) != 2:
        raise ValueError(
            "The encoder must give one flat embedding an image. Expected an output of "
            "shape `(batch_size, dim)`: add a pooling layer. "
            f"Received: encoder.output_shape={embedding_shape}"
        )
    if embedding_shape[-1] != projector_shape[-1]:
        raise ValueError(
            "The projector does not fit the encoder. Expected an input of width "
            f"{embedding_shape[-1]}. "
            f"Received: projector.input_shape={projector_shape}"
        )
