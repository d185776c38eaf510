"""Losses on the embeddings of two views, on any Keras backend."""

from keras_twins.losses.barlow_twins import BarlowTwinsLoss
from keras_twins.losses.base import Terms, TwinLoss
from keras_twins.losses.hsic import HSICLoss
from keras_twins.losses.statistics import cross_correlation, linear_hsic

__all__ = [
    "BarlowTwinsLoss",
    "HSICLoss",
    "Terms",
    "TwinLoss",
    "cross_correlation",
    "linear_hsic",
]
