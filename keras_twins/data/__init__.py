"""Collections of images and recordings, and the `tf.data` pipelines that read them."""

from keras_twins.data.arrays import from_arrays
from keras_twins.data.evaluation import evaluation_pipeline
from keras_twins.data.explain import explain_read_errors
from keras_twins.data.joint import joint_pipeline
from keras_twins.data.loading import Description, describe, load
from keras_twins.data.log_mels import log_mels
from keras_twins.data.pipeline import image_batches, two_view_pipeline
from keras_twins.data.survey import unreadable

__all__ = [
    "Description",
    "describe",
    "evaluation_pipeline",
    "explain_read_errors",
    "from_arrays",
    "image_batches",
    "joint_pipeline",
    "load",
    "log_mels",
    "two_view_pipeline",
    "unreadable",
]
