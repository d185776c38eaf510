"""Requests of the REST interface, from JSON, by the rules of TensorFlow Serving."""

import itertools
import json
import math

import orjson

from keras_twins.serving.json_values import (
    check_types,
    is_bytes,
    json_type,
    shown,
    to_array,
)
from keras_twins.serving.status import ServingError, invalid

# Of how many axes arrays are read.
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
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document):
    """The signature that a request asks for; empty if it names none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. "
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
        ServingError: INVALID_ARGUMENT; UNIMPLEMENTED for dtypes that JSON cannot hold.
    """
    if not specs:
        name = signature_name(document) or "DEFAULT"
        raise invalid(f"Failed to get input map for signature: {name}")
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only "
            "one of 'inputs' or 'instances' keys to exist"
        )
    if "instances" in document:
        return _read_rows(document["instances"], specs), True
    if "inputs" in document:
        return _read_columns(document["inputs"], specs), False
    raise invalid("Missing 'inputs' or 'instances' key")


def check_examples(document):
    """Raises ServingError unless `:classify` or `:regress` could read the request."""
    _check_example(document.get("context", {}))
    value = f"JSON Value: {shown(document)} "
    if "examples" not in document:
        raise invalid(
            value + "When method is classify, key 'examples' is expected and was not "
            "found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid(value + "Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(value + "'examples' value is an empty array")
    for example in examples:
        _check_example(example)


def _check_example(example):
    if not isinstance(example, dict):
        raise invalid(f"Example must be JSON object but got JSON {json_type(example)}")


def _parse_with_nan(body):
    # The standard library takes NaN and Infinity, as TF Serving does.
    try:
        text = body.decode("utf-8-sig")
        return json.loads(text, parse_float=_decimal, parse_int=_whole)
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error
    except json.JSONDecodeError as error:
        reason = error.msg.replace("Expecting value", "Invalid value.")
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except ValueError as error:
        raise invalid(f"JSON Parse error: Invalid value. {error}") from error


def _decimal(digits):
    number = float(digits)
    if math.isinf(number):
        raise invalid("JSON Parse error: Number too big to be stored in double.")
    return number


def _whole(digits):
    # Past 64 bits TF Serving's parser, and orjson, take digits for a float.
    number = _decimal(digits)
    if abs(number) < 2**65 and -(2**63) <= int(digits) < 2**64:
        return int(digits)
    return number


def _read_rows(instances, specs):
    if not isinstance(instances, list):
        raise invalid(
            f"JSON Value: {shown(instances)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid("JSON Value: [] No values in 'instances' array")
    if not _has_names(instances[0]) and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    if not _has_names(instances[0]):
        for n, item in enumerate(instances):
            if _has_names(item):
                raise invalid(
                    f"Expecting value/list but got object at item {n} of input list"
                )
        ((name, spec),) = specs.items()
        return {name: _stack(instances, spec)}
    for n, item in enumerate(instances):
        _check_names(n, item, specs)
    return {
        name: _stack([item[name] for item in instances], spec, f" key: {name}")
        for name, spec in specs.items()
    }


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
            f"{shown(item)} keys must be equal to: {','.join(specs)}"
        )


def _stack(items, spec, key=""):
    """One array of the items, which must have one shape; messages name the key."""
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
                shapes = f"{_shape_text(expected)} but got: {_shape_text(shape)}"
                raise invalid(f"Expecting shape {shapes}")
            check_types(values, spec.dtype)
        except ServingError as error:
            raise invalid(
                f"Failed to process element: {n}{key} of 'instances' list. Error: "
                f"{error.code}: {error.message}"
            ) from error
        leaves.extend(values)
    return to_array(leaves, spec.dtype).reshape([len(items), *expected])


def _shape_text(shape):
    return f"[{','.join(map(str, shape))}]"


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
        check_types(values, spec.dtype)
        arrays[name] = to_array(values, spec.dtype).reshape(shape)
    return arrays


def _has_names(value):
    """Whether a JSON value is an object of named inputs, not one of bytes."""
    return isinstance(value, dict) and not is_bytes(value)


def _flatten(value):
    """The shape of nested lists, taken from their first elements; and their leaves."""
    shape, level = _first_shape(value), [value]
    for depth, size in enumerate(shape):
        for item in level:
            if not isinstance(item, list):
                raise invalid(
                    f"JSON Value: {shown(item)} found at incorrect level: {depth + 1} "
                    f"in the JSON DOM. Expected at level: {len(shape)}"
                )
            if len(item) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: "
                    f"{depth} expected size: {size}"
                )
        level = list(itertools.chain.from_iterable(level))
    if list in set(map(type, level)):
        raise invalid(
            f"Encountered list at unexpected level: {len(shape)} expected < "
            f"{len(shape)}"
        )
    return shape, level


def _first_shape(value):
    shape = []
    while isinstance(value, list):
        if len(shape) == _DEEPEST:
            raise invalid(f"Encountered lists in more than {_DEEPEST} levels")
        shape.append(len(value))
        value = value[0] if value else None
    return shape
