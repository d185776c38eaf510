"""Encoders, projector and the model that trains them."""

from keras_twins.models.audiontt import audiontt
from keras_twins.models.batches import Pair
from keras_twins.models.joint import JointTwins
from keras_twins.models.mixed import MixedTwins
from keras_twins.models.preprocessing import with_normalisation
from keras_twins.models.projector import projector
from keras_twins.models.resnet import (
    residual_encoder,
    resnet18,
    resnet20,
    resnet34,
    resnet50,
)
from keras_twins.models.twins import Twins

__all__ = [
    "JointTwins",
    "MixedTwins",
    "Pair",
    "Twins",
    "audiontt",
    "projector",
    "residual_encoder",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
    "with_normalisation",
]
