"""Losses on the embeddings of two views, on any Keras backend."""

from keras_twins.losses.barlow_twins import BarlowTwinsLoss
from keras_twins.losses.base import PairLoss
from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.hsic import HSICLoss
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.statistics import cross_correlation, linear_hsic

# What it was called while there was no other family of losses.
TwinLoss = CorrelationLoss

__all__ = [
    "BarlowTwinsLoss",
    "CorrelationLoss",
    "HSICLoss",
    "Levels",
    "PairLoss",
    "Term",
    "TwinLoss",
    "Verdict",
    "cross_correlation",
    "linear_hsic",
]
