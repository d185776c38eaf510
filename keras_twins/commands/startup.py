"""How a command starts TensorFlow: quietly, and with what makes it fast."""

import gc
import os
import sys
import tempfile

from absl import logging

from keras_twins import progress


def start_tensorflow(keras: bool = True) -> None:
    """Imports TensorFlow without what its C++ parts say before a level can be set.

    A command calls this before it uses TensorFlow; an import that fails is heard.

    TensorFlow's wheel switches oneDNN on by itself on processors with AVX-512 VNNI; on
    others a convolutional training step takes more than twice as long without it.

    The garbage collector, which finds nothing to free in an import, rests meanwhile: it
    takes a quarter of the import's time, and half a second of the interpreter's exit.

    Args:
        keras: whether TensorFlow imports Keras, which imports scikit-learn and
            Matplotlib where they are installed: a third of the time. What has no use
            for Keras starts without; `import keras` works later on nevertheless.
    """
    if not keras:
        sys.modules.setdefault("keras", None)  # type: ignore[arg-type]  # No module.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    stderr = os.dup(2)
    with (
        open(stderr, "w", closefd=False) as shown,
        # In a log, a user's mistake stays one line.
        progress.stage("starting TensorFlow", shown=shown.isatty(), file=shown),
        tempfile.TemporaryFile() as aside,
    ):
        os.dup2(aside.fileno(), 2)
        gc.disable()
        try:
            import tensorflow as tf  # After the environment that it reads is set.

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("WARNING")  # It would tell more in a notebook.
        finally:
            if sys.modules.get("keras") is None:
                sys.modules.pop("keras", None)
            gc.freeze()
            gc.enable()
            os.dup2(stderr, 2)
            os.close(stderr)
