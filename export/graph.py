"""The graph that is exported: pictures in, embeddings out, no Python left."""

import keras
import tensorflow as tf

from keras_twins.data.preprocess import resize_and_crop
from keras_twins.export.decode import decode_picture

# Pictures of one request that are decoded at a time, each of which may take
# `max_pixels` x 3 bytes.
_PARALLEL_DECODES = 16


class EmbeddingGraph:
    """Wraps an encoder into the signatures `serving_default` and `embed_images`.

    Args:
        encoder: Keras model from float32 `(batch, image_size, image_size, 3)` in
            0..255 to `(batch, width)`.
        image_size: int. Side of the encoder's input in pixels.
        resize: int or None. What the shorter side becomes before the crop.
        normalise: bool. Whether embeddings get unit length.
        max_pixels: int. The largest width x height of a picture that is decoded.
    """

    def __init__(self, encoder, image_size, resize, normalise, max_pixels):
        self._encoder = encoder
        self._image_size = image_size
        self._resize = resize
        self._normalise = normalise
        self._max_pixels = max_pixels
        # Of unknown rank: a placeholder with a shape would let the graph optimiser
        # fold the checks below away, and an unchecked shape can end the process.
        self._signatures = {
            "serving_default": tf.function(
                self._embed_bytes,
                input_signature=[tf.TensorSpec(None, tf.string, "image_bytes")],
                autograph=False,
            ).get_concrete_function(),
            "embed_images": tf.function(
                self._embed_images,
                input_signature=[tf.TensorSpec(None, tf.uint8, "images")],
                autograph=False,
            ).get_concrete_function(),
        }

    def save(self, version_dir):
        """Writes the SavedModel to a folder that exists."""
        # A module of plain variables: the server needs nothing of Keras.
        module = tf.Module(name="embedder")
        module.encoder_variables = [v.value for v in self._encoder.variables]
        tf.saved_model.save(module, str(version_dir), signatures=self._signatures)

    def _embed(self, pixels):
        count = tf.shape(pixels)[0]
        # oneDNN's convolution gives an empty batch the shape of its input: it gets a
        # batch of one, whose answer is cut off again. (Not by `tf.pad`, which the graph
        # optimiser merges into a convolution behind it, without the padding of rows.)
        missing = tf.maximum(1 - count, 0)
        blank = tf.zeros([missing, self._image_size, self._image_size, 3])
        pixels = tf.concat([pixels, blank], axis=0)
        return embed_pixels(self._encoder, pixels, self._normalise)[:count]

    def _embed_bytes(self, image_bytes):
        shape = tf.shape(image_bytes)
        is_vector = tf.size(shape) == 1
        expected = "image_bytes must be a vector of encoded pictures, shape (N,); got "
        with _refused_unless(is_vector, expected, shape):
            image_bytes = tf.ensure_shape(image_bytes, (None,))
        with tf.device("CPU:0"):
            pixels = tf.map_fn(
                self._decode,
                (tf.range(tf.size(image_bytes)), image_bytes),
                parallel_iterations=_PARALLEL_DECODES,
                fn_output_signature=tf.TensorSpec(
                    (self._image_size, self._image_size, 3), tf.float32
                ),
            )
        return {"embedding": self._embed(pixels)}

    def _decode(self, indexed):
        index, encoded = indexed
        label = tf.strings.format("image_bytes[{}]", index)
        image = decode_picture(encoded, label, self._max_pixels)
        return resize_and_crop(image, self._image_size, self._resize)

    def _embed_images(self, images):
        shape = tf.shape(images)
        # Padded, so that what is asked of the axes has an answer at any rank.
        axes = tf.concat([shape, [-1, -1, -1, -1]], axis=0)
        is_batch = tf.size(shape) == 4
        is_rgb = (axes[1] > 0) & (axes[2] > 0) & (axes[3] == 3)
        expected = (
            "images must be uint8 RGB of shape (N, height, width, 3), height and "
            "width at least 1; got "
        )
        with _refused_unless(is_batch & is_rgb, expected, shape):
            images = tf.ensure_shape(images, (None, None, None, 3))
        with tf.device("CPU:0"):
            pixels = resize_and_crop(images, self._image_size, self._resize)
        return {"embedding": self._embed(pixels)}


def embed_pixels(encoder, pixels, normalise):
    """Embeds preprocessed pixels: float32 `(batch, size, size, 3)` in 0..255."""
    embedding = tf.cast(encoder(pixels, training=False), tf.float32)
    if normalise:
        embedding = tf.math.l2_normalize(embedding, axis=-1, epsilon=1e-12)
    return embedding


def _refused_unless(condition, expected, shape):
    message = expected + tf.strings.format("shape {}", shape)
    return tf.control_dependencies([tf.Assert(condition, [message])])


def check_encoder(encoder, image_size):
    """Raises ValueError unless the encoder maps RGB squares to embeddings."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. "
            "Expected KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )
    wanted = (None, image_size, image_size, 3)
    takes = getattr(encoder, "input_shape", None)
    gives = getattr(encoder, "output_shape", None)
    fits = isinstance(takes, tuple) and len(takes) == 4
    fits = fits and all(a in (None, b) for a, b in zip(takes, wanted, strict=True))
    if not fits:
        raise ValueError(
            "The encoder does not take the pictures to be exported for. "
            f"Expected an input shape of {wanted}. Received: {takes}"
        )
    if not isinstance(gives, tuple) or len(gives) != 2 or gives[1] is None:
        raise ValueError(
            "The encoder does not give one vector a picture. "
            f"Expected an output shape of (None, width). Received: {gives}"
        )
