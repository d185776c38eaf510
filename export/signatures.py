"""The names by which an exported model is called; see `graph.EmbeddingGraph`."""

from keras_twins.decode.input_names import AUDIO_BYTES, IMAGE_BYTES

# TensorFlow Serving takes this one if a request names none.
SERVING_DEFAULT = "serving_default"
EMBED_IMAGES = "embed_images"
IMAGES = "images"
EMBED_SAMPLES = "embed_samples"
SAMPLES = "samples"
# Tells at which rate a model of sounds takes files; its output has the same name.
SAMPLE_RATE = "sample_rate"
EMBEDDING = "embedding"

__all__ = [
    "AUDIO_BYTES",
    "EMBEDDING",
    "EMBED_IMAGES",
    "EMBED_SAMPLES",
    "IMAGES",
    "IMAGE_BYTES",
    "SAMPLES",
    "SAMPLE_RATE",
    "SERVING_DEFAULT",
]
