"""Losses on the embeddings of two views, on any Keras backend."""

from keras_twins.losses.barlow_twins import BarlowTwinsLoss
from keras_twins.losses.base import PairLoss
from keras_twins.losses.contrastive import NTXentLoss
from keras_twins.losses.correlation import CorrelationLoss
from keras_twins.losses.cosine import NegativeCosineLoss
from keras_twins.losses.draws import at_step
from keras_twins.losses.frossl import FroSSLLoss
from keras_twins.losses.hsic import HSICLoss
from keras_twins.losses.levels import Levels, Term, Verdict
from keras_twins.losses.mixed import mixed_regulariser
from keras_twins.losses.sigreg import SIGRegLoss
from keras_twins.losses.ssl_hsic import SSLHSICLoss
from keras_twins.losses.statistics import cross_correlation, linear_hsic
from keras_twins.losses.vicreg import VICRegLoss
from keras_twins.losses.views import ViewsLoss

# What it was called while there was no other family of losses.
TwinLoss = CorrelationLoss

__all__ = [
    "BarlowTwinsLoss",
    "CorrelationLoss",
    "FroSSLLoss",
    "HSICLoss",
    "Levels",
    "NTXentLoss",
    "NegativeCosineLoss",
    "PairLoss",
    "SIGRegLoss",
    "SSLHSICLoss",
    "Term",
    "TwinLoss",
    "VICRegLoss",
    "Verdict",
    "ViewsLoss",
    "at_step",
    "cross_correlation",
    "linear_hsic",
    "mixed_regulariser",
]
