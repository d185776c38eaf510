"""How good an embedding is: nearest neighbours, linear probes and diagnostics."""

from keras_twins.evaluation.comparison import compare, interval, raw_pixels
from keras_twins.evaluation.diagnostics import (
    alignment,
    covariance_spectrum,
    effective_rank,
    embedding_std,
    linear_hsic,
    off_diagonal,
    on_diagonal,
    uniformity,
)
from keras_twins.evaluation.embedding import embed
from keras_twins.evaluation.fine_tuning import finetune
from keras_twins.evaluation.knn import knn_accuracy, knn_predict
from keras_twins.evaluation.probe import few_labels, linear_probe
from keras_twins.evaluation.rows import Row
from keras_twins.evaluation.table import format_table

__all__ = [
    "Row",
    "alignment",
    "compare",
    "covariance_spectrum",
    "effective_rank",
    "embed",
    "embedding_std",
    "few_labels",
    "finetune",
    "format_table",
    "interval",
    "knn_accuracy",
    "knn_predict",
    "linear_hsic",
    "linear_probe",
    "off_diagonal",
    "on_diagonal",
    "raw_pixels",
    "uniformity",
]
