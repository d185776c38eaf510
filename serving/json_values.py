"""Values of JSON, and arrays of them in the dtypes that TensorFlow Serving reads.

An integer input takes no `1.0`, a boolean is no number, and bytes come as
`{"b64": …}`.
"""

import binascii
import itertools
import json
import math

import numpy as np
import tensorflow as tf

from keras_twins.serving.status import ServingError, invalid
from keras_twins.serving.tensors import type_name

# The dtypes that JSON can hold, and the Python types of their values.
PYTHON_TYPES = {
    tf.string: {str, dict},
    tf.bool: {bool},
    tf.float32: {int, float},
    tf.float64: {int, float},
    tf.int8: {int},
    tf.uint8: {int},
    tf.int16: {int},
    tf.int32: {int},
    tf.uint32: {int},
    tf.int64: {int},
    tf.uint64: {int},
}
_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}
# What a message shows of a value, in characters.
_LONGEST_VALUE = 200


def check_types(values, dtype):
    """Raises ServingError unless the values' JSON types fit the dtype.

    Args:
        values: list of JSON values that are no lists.
        dtype: `tf.DType`.
    """
    allowed = PYTHON_TYPES.get(dtype, set())
    if set(map(type, values)) <= allowed:
        return
    value = next(value for value in values if type(value) not in allowed)
    if not allowed:
        raise ServingError(
            "UNIMPLEMENTED",
            f"Conversion of JSON Value: {shown(value)} to type: {type_name(dtype)}",
        )
    raise invalid(
        f"JSON Value: {shown(value)} Type: {json_type(value)} is not of expected "
        f"type: {type_name(dtype)}"
    )


def to_array(values, dtype):
    """A vector of values that `check_types` has passed.

    Raises:
        ServingError: INVALID_ARGUMENT, if one of them is lost in the dtype.
    """
    if dtype == tf.string:
        array = np.empty(len(values), object)
        array[:] = [_bytes(value) for value in values]
        return array
    if dtype.is_integer:
        least, most = int(dtype.min), int(dtype.max)
        if values and not least <= min(values) <= max(values) <= most:
            value = next(value for value in values if not least <= value <= most)
            raise invalid(
                f"JSON Value: {value} Type: Number is not of expected type: "
                f"{type_name(dtype)}, which holds {least} to {most}"
            )
    elif dtype.is_floating:
        _check_lossless(values, dtype)
    return np.array(values, dtype.as_numpy_dtype)


def is_bytes(value):
    """Whether a JSON object is one of bytes, `{"b64": …}`."""
    return len(value) == 1 and isinstance(value.get("b64"), str)


def json_type(value):
    """What TensorFlow Serving calls a value's type: `True` and `Number`, say."""
    return str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]


def shown(value):
    """A JSON value for a message, its start if it is long."""
    chunks = json.JSONEncoder().iterencode(value)
    text = "".join(itertools.islice(chunks, _LONGEST_VALUE))
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _check_lossless(values, dtype):
    """TF Serving refuses integers that the mantissa cannot hold, and what overflows."""
    largest = float(dtype.max)
    largest_int = 2 ** (np.finfo(dtype.as_numpy_dtype).nmant + 1) - 1
    for value in values:
        size = abs(value)
        limit = largest_int if isinstance(value, int) else largest
        if size != math.inf and size > limit:
            raise invalid(
                f"Cannot convert JSON value: {shown(value)} to {type_name(dtype)} "
                "without loss of precision."
            )


def _bytes(value):
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise invalid(
                "JSON Parse error: a string holds half a character"
            ) from error
    if not is_bytes(value):
        raise invalid(
            f"JSON Value: {shown(value)} not formatted correctly for base64 data"
        )
    text = value["b64"]
    try:
        return _unpadded_or_padded(text)
    except ValueError:
        pass
    try:
        # Line breaks, which some encoders put in, are skipped.
        return _unpadded_or_padded("".join(text.split()))
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error


def _unpadded_or_padded(text):
    if "=" not in text:
        text += "=" * (-len(text) % 4)
    return binascii.a2b_base64(text, strict_mode=True) if text else b""
