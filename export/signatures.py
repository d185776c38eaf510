"""The names by which an exported model is called; see `graph.EmbeddingGraph`."""

from keras_twins.decode.input_names import IMAGE_BYTES

# TensorFlow Serving takes this one if a request names none.
SERVING_DEFAULT = "serving_default"
EMBED_IMAGES = "embed_images"
IMAGES = "images"
EMBEDDING = "embedding"

__all__ = ["EMBEDDING", "EMBED_IMAGES", "IMAGES", "IMAGE_BYTES", "SERVING_DEFAULT"]
