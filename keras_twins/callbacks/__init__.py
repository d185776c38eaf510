"""Callbacks of `fit`: what watches a training, writes about it and stops it."""

from keras_twins.callbacks.metrics_file import MetricsFile
from keras_twins.callbacks.online_evaluation import OnlineEvaluation
from keras_twins.callbacks.snapshots import Snapshots

__all__ = ["MetricsFile", "OnlineEvaluation", "Snapshots"]
