"""The graph that is exported: files in, embeddings out, no Python left."""

import keras
import tensorflow as tf

from keras_twins.export.arrays import refused_unless
from keras_twins.export.signatures import EMBEDDING, SERVING_DEFAULT

# Files of one request that are decoded at a time, each of which may take as much memory
# as its decoder's limits allow.
_PARALLEL_DECODES = 16
# The same of files that are embedded one by one, each of which takes far more.
_PARALLEL_EMBEDDINGS = 2


class EmbeddingGraph:
    """Wraps an encoder into `serving_default` and a signature of arrays.

    What files become that are of different sizes then, as sounds are, is embedded one
    by one: a batch would need padding, and an embedding would depend on its neighbours.

    Args:
        encoder: Keras model from float32 `(batch, *shape)` to `(batch, width)`.
        decoder: `keras_twins.decode.base.Decoder` of the files.
        limits: `keras_twins.decode.base.Limits` of what is decoded.
        arrays: `keras_twins.export.arrays.Arrays`, what the other signature takes.
        prepare: function from what the decoder gives, or from a batch of it, to what
            the encoder takes.
        shape: tuple of int and None, of what `prepare` gives for one file.
        normalise: bool. Whether embeddings get unit length.
        further: dict from the names of further signatures to functions of a vector of
            files, which give a dict of tensors.
    """

    def __init__(
        self, encoder, decoder, limits, arrays, prepare, shape, normalise, further=None
    ):
        self.prepare = prepare
        self.arrays = arrays
        self.input_name = decoder.input_name
        self._encoder = encoder
        self._decoder = decoder
        self._limits = limits
        self._shape = shape
        self._normalise = normalise
        # Of unknown rank: a placeholder with a shape would let the graph optimiser
        # fold the checks below away, and an unchecked shape can end the process.
        self._of_files = {SERVING_DEFAULT: self._embed_files, **(further or {})}
        files = tf.TensorSpec(None, tf.string, self.input_name)
        batch = tf.TensorSpec(None, arrays.dtype, arrays.name)
        self._signatures = {
            **{name: _traced(f, files) for name, f in self._of_files.items()},
            arrays.signature: _traced(self._embed_arrays, batch),
        }

    @property
    def input_shapes(self):
        """What clients are told of the input of each signature."""
        of_files = dict.fromkeys(self._of_files, (None,))
        return {**of_files, self.arrays.signature: self.arrays.shape}

    def save(self, version_dir):
        """Writes the SavedModel to a folder that exists."""
        # A module of plain variables: the server needs nothing of Keras.
        module = tf.Module(name="embedder")
        module.encoder_variables = [v.value for v in self._encoder.variables]
        tf.saved_model.save(module, str(version_dir), signatures=self._signatures)

    def _embed(self, prepared):
        count = tf.shape(prepared)[0]
        # oneDNN's convolution gives an empty batch the shape of its input: it gets a
        # batch of one, whose answer is cut off again. (Not by `tf.pad`, which the graph
        # optimiser merges into a convolution behind it, without the padding of rows.)
        missing = tf.maximum(1 - count, 0)
        blank = tf.zeros(tf.concat([[missing], tf.shape(prepared)[1:]], axis=0))
        prepared = tf.concat([prepared, blank], axis=0)
        prepared = tf.ensure_shape(prepared, (None, *self._shape))
        return embed_prepared(self._encoder, prepared, self._normalise)[:count]

    def _embed_files(self, files):
        shape = tf.shape(files)
        expected = f"{self.input_name} must be a vector of encoded files, shape (N,); "
        with refused_unless(tf.size(shape) == 1, expected + "got ", shape):
            files = tf.ensure_shape(files, (None,))
        if None in self._shape:
            return {EMBEDDING: self._embed_one_by_one(files)}
        with tf.device("CPU:0"):
            elements = tf.map_fn(
                self._decode,
                (tf.range(tf.size(files)), files),
                parallel_iterations=_PARALLEL_DECODES,
                fn_output_signature=tf.TensorSpec(self._shape, tf.float32),
            )
        return {EMBEDDING: self._embed(elements)}

    def _embed_one_by_one(self, files):
        def embed(indexed):
            with tf.device("CPU:0"):
                prepared = self._decode(indexed)[tf.newaxis]
            return embed_prepared(self._encoder, prepared, self._normalise)[0]

        return tf.map_fn(
            embed,
            (tf.range(tf.size(files)), files),
            parallel_iterations=_PARALLEL_EMBEDDINGS,
            fn_output_signature=tf.TensorSpec(
                self._encoder.output_shape[1:], tf.float32
            ),
        )

    def _decode(self, indexed):
        index, contents = indexed
        label = tf.strings.format(self.input_name + "[{}]", index)
        prepared = self.prepare(self._decoder.decode(contents, label, self._limits))
        return tf.ensure_shape(prepared, self._shape)

    def _embed_arrays(self, batch):
        batch = self.arrays.checked(batch)
        with tf.device("CPU:0"):
            prepared = self.prepare(batch)
        return {EMBEDDING: self._embed(prepared)}


def _traced(function, spec):
    return tf.function(
        function, input_signature=[spec], autograph=False
    ).get_concrete_function()


def embed_prepared(encoder, prepared, normalise):
    """Embeds a float32 batch of what an encoder takes, such as pixels in 0..255."""
    embedding = tf.cast(encoder(prepared, training=False), tf.float32)
    if normalise:
        embedding = tf.math.l2_normalize(embedding, axis=-1, epsilon=1e-12)
    return embedding


def check_encoder(encoder, shape):
    """Raises ValueError unless the encoder maps elements of a shape to embeddings."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. "
            "Expected KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )
    wanted = (None, *shape)
    takes = getattr(encoder, "input_shape", None)
    gives = getattr(encoder, "output_shape", None)
    fits = isinstance(takes, tuple) and len(takes) == len(wanted)
    fits = fits and all(a in (None, b) for a, b in zip(takes, wanted, strict=True))
    if not fits:
        raise ValueError(
            "The encoder does not take what it is to be exported for. "
            f"Expected an input shape of {wanted}. Received: {takes}"
        )
    if not isinstance(gives, tuple) or len(gives) != 2 or gives[1] is None:
        raise ValueError(
            "The encoder does not give one vector per file. "
            f"Expected an output shape of (None, width). Received: {gives}"
        )
