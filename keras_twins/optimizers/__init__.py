"""Optimizers that Keras does not have."""

from keras_twins.optimizers.lars import LARS
from keras_twins.optimizers.two_rates import TwoRates

__all__ = ["LARS", "TwoRates"]
