"""What a version says about itself."""

import datetime
import json

import keras
import tensorflow as tf

import keras_twins


def write_description(path, encoder, differences, metadata, **settings):
    """Writes a JSON file about an exported model.

    Args:
        path: `pathlib.Path`. The file; its folder is made.
        encoder: the Keras model that was exported.
        differences: dict from what ran the export to its relative difference to the
            encoder, None where it did not run.
        metadata: dict or None. What the user wants to travel with the model.
        **settings: how the model was exported.
    """
    description = {
        "keras_twins": keras_twins.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "encoder": encoder.name,
        "width": encoder.output_shape[-1],
        **settings,
        "difference_to_encoder": differences,
        "metadata": metadata or {},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(description, indent=2) + "\n")
