"""Requests of the REST interface, from JSON.

The rules are TensorFlow Serving's: an integer input takes no `1.0`, a boolean is no
number, and bytes come as `{"b64": …}`.
"""

import binascii
import itertools
import json
import math

import numpy as np
import orjson
import tensorflow as tf

from keras_twins.serving.status import ServingError, invalid
from keras_twins.serving.tensors import type_name

_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}
# What a message shows of a value, in characters; of how many axes arrays are read.
_LONGEST_VALUE = 200
_DEEPEST = 32


def parse(body):
    """Reads a request's body.

    Args:
        body: bytes.

    Returns:
        dict.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is no JSON object.
    """
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parse_with_nan(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name(document):
    """The signature that a request asks for; empty if it names none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def read_inputs(document, specs):
    """Reads the inputs of a `:predict` request.

    Args:
        document: dict, as `parse` gives.
        specs: dict from name to `TensorSpec`.

    Returns:
        dict from name to array; and whether they came in row form, as `instances`.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {_shown(document)} Not formatted correctly expecting only "
            "one of 'inputs' or 'instances' keys to exist"
        )
    if "instances" in document:
        return _read_rows(document["instances"], specs), True
    if "inputs" in document:
        return _read_columns(document["inputs"], specs), False
    raise invalid("Missing 'inputs' or 'instances' key")


def check_examples(document):
    """Raises ServingError unless `:classify` or `:regress` could read the request."""
    examples = document.get("examples")
    if not isinstance(examples, list) or not examples:
        raise invalid(
            f"JSON Value: {_shown(document)} Expecting 'examples' value to be a "
            "list/array that is not empty"
        )
    for example in [document.get("context", {}), *examples]:
        if not isinstance(example, dict):
            raise invalid(
                f"Example must be JSON object but got JSON {_type_name(example)}"
            )


def _parse_with_nan(body):
    # The standard library takes NaN and Infinity, as TF Serving does.
    try:
        return json.loads(body)
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error
    except json.JSONDecodeError as error:
        reason = error.msg.replace("Expecting value", "Invalid value.")
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except ValueError as error:
        raise invalid(f"JSON Parse error: Invalid value. {error}") from error


def _read_rows(instances, specs):
    if not isinstance(instances, list):
        raise invalid(
            f"JSON Value: {_shown(instances)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid("JSON Value: [] No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    if not _has_names(instances[0]):
        (name,) = specs
        columns = {name: instances}
        for n, item in enumerate(instances):
            if _has_names(item):
                raise invalid(
                    f"Expecting value/list but got object at item {n} of input list"
                )
    else:
        for n, item in enumerate(instances):
            _check_names(n, item, specs)
        columns = {name: [item[name] for item in instances] for name in specs}
    return {name: _stack(columns[name], spec) for name, spec in specs.items()}


def _check_names(n, item, specs):
    if not _has_names(item):
        raise invalid(f"Expecting object but got list at item {n} of input list")
    for name in item:
        if name not in specs:
            raise invalid(
                f"Failed to process element: {n} key: {name} of 'instances' list. "
                "Error: INVALID_ARGUMENT: JSON object: does not have named input: "
                f"{name}"
            )
    if len(item) != len(specs):
        raise invalid(
            f"Failed to process element: {n} of 'instances' list. JSON object: "
            f"{_shown(item)} keys must be equal to: {','.join(specs)}"
        )


def _stack(items, spec):
    """One array of the items, which must have one shape."""
    leaves, expected = [], None
    for n, item in enumerate(items):
        try:
            shape, values = _flatten(item)
            if expected is None:
                expected = shape
            if math.prod(shape) != math.prod(expected):
                sizes = f"{math.prod(expected)} but got: {math.prod(shape)}"
                raise invalid(f"Expecting tensor size: {sizes}")
            if shape != expected:
                raise invalid(f"Expecting shape {expected} but got: {shape}")
            _check_leaves(values, spec.dtype)
        except ServingError as error:
            raise invalid(
                f"Failed to process element: {n} of 'instances' list. Error: "
                f"{error.code}: {error.message}"
            ) from error
        leaves.extend(values)
    return _array(leaves, spec.dtype).reshape([len(items), *expected])


def _read_columns(inputs, specs):
    if not _has_names(inputs):
        if len(specs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        inputs = {name: inputs for name in specs}
    arrays = {}
    for name, spec in specs.items():
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        shape, values = _flatten(inputs[name])
        _check_leaves(values, spec.dtype)
        arrays[name] = _array(values, spec.dtype).reshape(shape)
    return arrays


def _has_names(value):
    """Whether a JSON value is an object of named inputs, not one of bytes."""
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value):
    return len(value) == 1 and isinstance(value.get("b64"), str)


def _flatten(value):
    """The shape of nested lists, taken from their first elements; and their leaves."""
    shape, level = [], [value]
    while isinstance(level[0], list):
        if len(shape) == _DEEPEST:
            raise invalid(f"Encountered lists in more than {_DEEPEST} levels")
        size = len(level[0])
        for item in level:
            if not isinstance(item, list):
                raise invalid(
                    f"JSON Value: {_shown(item)} found at incorrect level: "
                    f"{len(shape) + 1} in the JSON DOM."
                )
            if len(item) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: "
                    f"{len(shape)} expected size: {size}"
                )
        shape.append(size)
        level = list(itertools.chain.from_iterable(level))
        if not level:
            break
    if level and list in set(map(type, level)):
        raise invalid(
            f"Encountered list at unexpected level: {len(shape)} expected < "
            f"{len(shape)}"
        )
    return shape, level


def _check_leaves(values, dtype):
    """Raises ServingError unless the values' JSON types fit the dtype."""
    types = set(map(type, values))
    if dtype == tf.string:
        fits = types <= {str, dict}
    elif dtype == tf.bool:
        fits = types <= {bool}
    elif dtype.is_integer:
        fits = types <= {int}
    elif dtype in (tf.float32, tf.float64):
        fits = types <= {int, float}
    else:
        raise invalid(
            f"Conversion of a JSON Value to type: {type_name(dtype)} is not known"
        )
    if not fits:
        allowed = {tf.string: (str, dict), tf.bool: (bool,)}.get(dtype, (int,))
        if dtype.is_floating:
            allowed = (int, float)
        value = next(value for value in values if type(value) not in allowed)
        raise invalid(
            f"JSON Value: {_shown(value)} Type: {_type_name(value)} is not of expected "
            f"type: {type_name(dtype)}"
        )


def _array(values, dtype):
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


def _check_lossless(values, dtype):
    """TF Serving refuses integers that the mantissa cannot hold, and what overflows."""
    largest = float(dtype.max)
    largest_int = 2 ** (np.finfo(dtype.as_numpy_dtype).nmant + 1) - 1
    for value in values:
        # Past 64 bits TF Serving's parser takes digits for a float.
        is_int = isinstance(value, int) and abs(value) < 2**64
        size = abs(value)
        if size != math.inf and size > (largest_int if is_int else largest):
            raise invalid(
                f"Cannot convert JSON value: {_shown(value)} to {type_name(dtype)} "
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
    if not _is_bytes(value):
        raise invalid(
            f"JSON Value: {_shown(value)} not formatted correctly for base64 data"
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


def _type_name(value):
    return str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]


def _shown(value):
    """A JSON value for a message, its start if it is long."""
    chunks = json.JSONEncoder().iterencode(value)
    text = "".join(itertools.islice(chunks, _LONGEST_VALUE))
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
