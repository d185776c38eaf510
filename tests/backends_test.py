"""A model with our losses, encoder and optimizer in Keras's own `fit`, any backend."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_twins import losses, models, optimizers


def make_pairs():
    rng = np.random.default_rng(0)
    view = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    return view, view + 0.2 * rng.normal(size=view.shape).astype("float32")


class PlainTwins(keras.Model):
    """The least that Keras's own training step needs: `call` and `compute_loss`."""

    def __init__(self, encoder, projector):
        super().__init__()
        self.encoder, self.projector = encoder, projector

    def call(self, pair, training=None):
        return tuple(
            self.projector(self.encoder(view, training=training)) for view in pair
        )

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return self.loss(*y_pred)


@pytest.mark.parametrize("form", ["gram", "correlation"])
@pytest.mark.parametrize("loss_class", [losses.BarlowTwinsLoss, losses.HSICLoss])
def test_the_loss_falls_in_keras_own_fit(loss_class, form):
    keras.utils.set_random_seed(0)
    encoder = models.residual_encoder((8, 8, 3), "small", (8,), (1,))
    projector = models.projector(8, (16, 16))
    make = PlainTwins if keras.backend.backend() == "tensorflow" else models.Twins
    model = make(encoder, projector)
    model.compile(optimizers.LARS(2.0), loss=loss_class(0.01, form=form))
    # Keras takes a tuple for inputs and targets; a list is one input of two views.
    history = model.fit(list(make_pairs()), batch_size=32, epochs=8, verbose=0).history
    if loss_class is losses.HSICLoss:  # what is left when all Cᵢⱼ are 0 stays
        history["loss"] = [value - 0.01 * 16 * 15 for value in history["loss"]]
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_embeddings_are_the_encoders():
    encoder = models.residual_encoder((8, 8, 3), "small", (8,), (1,))
    model = models.Twins(encoder, models.projector(8, (16,)))
    images = make_pairs()[0]
    expected = ops.convert_to_numpy(encoder(images, training=False))
    np.testing.assert_allclose(model.embed(images), expected, rtol=1e-4, atol=1e-5)
