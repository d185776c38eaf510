"""An exported model as a function, in TensorFlow."""

import tensorflow as tf

from keras_twins.errors import InputError
from keras_twins.export.signatures import EMBEDDING


def load_function(version_dir, signature, input_name):
    """Loads the function behind one signature of an exported model.

    Args:
        version_dir: path of one version of the model.
        signature: str, a name of `keras_twins.export.signatures`.
        input_name: str, the signature's input.

    Returns:
        Callable from a batch, as a tensor, to embeddings, a float32 tensor
        `(count, width)`.

    Raises:
        InputError: if the folder holds no model or one of another kind.
    """
    try:
        model = tf.saved_model.load(str(version_dir))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{version_dir} does not load as a model: {reason}") from error
    function = model.signatures.get(signature)
    inputs = function.structured_input_signature[1] if function else {}
    if input_name not in inputs:
        raise InputError(
            f"{version_dir} is not an exported embedding model: it has no signature "
            f"{signature!r} with an input {input_name!r}"
        )

    # The model owns the variables: it has to live as long as its signature.
    def embed(batch, owner=model):
        del owner
        return function(**{input_name: batch})[EMBEDDING]

    return embed
