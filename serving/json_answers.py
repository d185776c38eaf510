"""Answers of the REST interface, as JSON.

The rules are TensorFlow Serving's: whole floats are written as `1.0`, and strings of
an output whose name ends in `_bytes` as `{"b64": …}`.
"""

import base64
import json

import numpy as np
import orjson
import tensorflow as tf

from keras_twins.serving.json_values import PYTHON_TYPES
from keras_twins.serving.status import invalid
from keras_twins.serving.tensors import type_name


def write_outputs(outputs, in_rows):
    """Writes the answer to a `:predict` request.

    Args:
        outputs: dict from name to array.
        in_rows: bool. Whether the request came in row form.

    Returns:
        bytes.

    Raises:
        ServingError: INVALID_ARGUMENT, if JSON cannot hold the outputs.
    """
    if not in_rows:
        values = {name: _writable(name, array) for name, array in outputs.items()}
        answer = next(iter(values.values())) if len(values) == 1 else values
        return _dump({"outputs": answer})
    batch_size = None
    for name, array in outputs.items():
        if not array.shape:
            raise invalid(f"Tensor name: {name} has no shape information")
        if not len(array):
            raise invalid(f"Tensor name: {name} has invalid batch size: 0")
        if batch_size not in (None, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} "
                f"expecting: {batch_size}"
            )
        batch_size = len(array)
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return _dump({"predictions": _writable(name, array)})
    rows = [
        {name: _writable(name, array[n, ...]) for name, array in outputs.items()}
        for n in range(batch_size)
    ]
    return _dump({"predictions": rows})


def _writable(name, array):
    """What `_dump` takes for an output."""
    if array.dtype == object:
        as_bytes = name.endswith("_bytes")
        flat = [_text(value, as_bytes) for value in array.ravel()]
        nested = np.empty(len(flat), object)
        nested[:] = flat
        return nested.reshape(array.shape).tolist()
    dtype = tf.as_dtype(array.dtype)
    if dtype not in PYTHON_TYPES:
        raise invalid(f"Failed to write JSON value for tensor type: {type_name(dtype)}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        # Through text, so that a float32 keeps its few digits.
        digits = [float(text) for text in array.astype(str).ravel()]
        nested = np.array(digits).reshape(array.shape).tolist()
        return orjson.Fragment(json.dumps(nested))
    return np.ascontiguousarray(array) if array.shape else array[()]


def _text(value, as_bytes):
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def _dump(answer):
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
