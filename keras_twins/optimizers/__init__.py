"""Optimizers that Keras does not have."""

from keras_twins.optimizers.lars import LARS

__all__ = ["LARS"]
