"""The graph that is exported: files in, embeddings out, no Python left."""

import keras
import tensorflow as tf

from keras_twins.export.signatures import (
    EMBED_IMAGES,
    EMBEDDING,
    IMAGES,
    SERVING_DEFAULT,
)

# Files of one request that are decoded at a time, each of which may take as much memory
# as its decoder's limits allow.
_PARALLEL_DECODES = 16


class EmbeddingGraph:
    """Wraps an encoder into the signatures `serving_default` and `embed_images`.

    Args:
        encoder: Keras model from float32 `(batch, *shape)` to `(batch, width)`.
        decoder: `keras_twins.decode.base.Decoder` of the files.
        limits: `keras_twins.decode.base.Limits` of what is decoded.
        prepare: function from what the decoder gives, or from a batch of it, to what
            the encoder takes.
        shape: tuple of int, of what `prepare` gives for one file.
        normalise: bool. Whether embeddings get unit length.
    """

    def __init__(self, encoder, decoder, limits, prepare, shape, normalise):
        self.prepare = prepare
        self._encoder = encoder
        self._decoder = decoder
        self._limits = limits
        self._shape = shape
        self._normalise = normalise
        # Of unknown rank: a placeholder with a shape would let the graph optimiser
        # fold the checks below away, and an unchecked shape can end the process.
        self._signatures = {
            SERVING_DEFAULT: tf.function(
                self._embed_bytes,
                input_signature=[tf.TensorSpec(None, tf.string, decoder.input_name)],
                autograph=False,
            ).get_concrete_function(),
            EMBED_IMAGES: tf.function(
                self._embed_images,
                input_signature=[tf.TensorSpec(None, tf.uint8, IMAGES)],
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
        blank = tf.zeros([missing, *self._shape])
        pixels = tf.concat([pixels, blank], axis=0)
        return embed_pixels(self._encoder, pixels, self._normalise)[:count]

    def _embed_bytes(self, files):
        shape = tf.shape(files)
        is_vector = tf.size(shape) == 1
        name = self._decoder.input_name
        expected = f"{name} must be a vector of encoded files, shape (N,); got "
        with _refused_unless(is_vector, expected, shape):
            files = tf.ensure_shape(files, (None,))
        with tf.device("CPU:0"):
            elements = tf.map_fn(
                self._decode,
                (tf.range(tf.size(files)), files),
                parallel_iterations=_PARALLEL_DECODES,
                fn_output_signature=tf.TensorSpec(self._shape, tf.float32),
            )
        return {EMBEDDING: self._embed(elements)}

    def _decode(self, indexed):
        index, contents = indexed
        label = tf.strings.format(self._decoder.input_name + "[{}]", index)
        return self.prepare(self._decoder.decode(contents, label, self._limits))

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
            pixels = self.prepare(images)
        return {EMBEDDING: self._embed(pixels)}


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
            "The encoder does not give one vector per picture. "
            f"Expected an output shape of (None, width). Received: {gives}"
        )
