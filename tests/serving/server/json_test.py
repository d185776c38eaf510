"""JSON to arrays and back, beside TensorFlow Serving's documentation and source."""

import concurrent.futures
import json

import pytest

TYPES = "/v1/models/types:predict"
ROW = {"number": 3, "ratio": [1, 2], "text": "a"}


def _identity(signature, **request):
    return {"signature_name": signature, **request}


# What is asked of `types`, and the answer's JSON as TensorFlow Serving gives it.
ANSWERS = {
    "one row": (
        {"instances": [ROW]},
        '{"predictions": [{"doubled": 6, "quotient": 0.5, "text": "a", '
        '"text_bytes": {"b64": "YQ=="}}]}',
    ),
    "columns": (
        {"inputs": {"number": [1, -2], "ratio": [[1, 4], [6, 3]], "text": ["", "é"]}},
        '{"outputs": {"doubled": [2, -4], "quotient": [0.25, 2.0], "text": ["", "é"], '
        '"text_bytes": [{"b64": ""}, {"b64": "w6k="}]}}',
    ),
    "extra columns are passed over": (
        {"inputs": {"number": [], "ratio": [[1, 1]], "text": [], "other": 1}},
        '{"outputs": {"doubled": [], "quotient": [1.0], "text": [], "text_bytes": []}}',
    ),
    "nan and infinities": (
        b'{"inputs": {"number": [1, 1, 1], "text": ["", "", ""],'
        b' "ratio": [[1, 0], [-1, 0], [NaN, 1]]}}',
        '{"outputs": {"doubled": [2, 2, 2], "quotient": [Infinity, -Infinity, NaN], '
        '"text": ["", "", ""], "text_bytes": [{"b64": ""}, {"b64": ""}, {"b64": ""}]}}',
    ),
    "whole floats": (
        _identity("float", inputs=[[1, 2.5], [-0.0, 1e30]]),
        '{"outputs": [[1.0, 2.5], [-0.0, 1e+30]]}',
    ),
    "few digits": (_identity("float", instances=[0.1]), '{"predictions": [0.1]}'),
    "empty rows": (_identity("float", instances=[[], []]), '{"predictions": [[], []]}'),
    "past 64 bits beside nan": (
        b'{"signature_name": "double", "inputs": [100000000000000000000, NaN]}',
        '{"outputs": [1e+20, NaN]}',
    ),
    "past 63 bits beside nan": (
        b'{"signature_name": "uint64", "inputs": [18446744073709551615], "n": NaN}',
        '{"outputs": [18446744073709551615]}',
    ),
    "byte order mark": (
        b'\xef\xbb\xbf{"signature_name": "int32", "inputs": [1]}',
        '{"outputs": [1]}',
    ),
    "scalar": (_identity("float", inputs=7), '{"outputs": 7.0}'),
    "double": (_identity("double", instances=[0.1, 3]), '{"predictions": [0.1, 3.0]}'),
    "bool": (
        _identity("bool", instances=[True, False]),
        '{"predictions": [true, false]}',
    ),
    "int8": (_identity("int8", instances=[-128, 127]), '{"predictions": [-128, 127]}'),
    "uint8": (_identity("uint8", instances=[0, 255]), '{"predictions": [0, 255]}'),
    "int64": (
        _identity("int64", instances=[2**63 - 1]),
        f'{{"predictions": [{2**63 - 1}]}}',
    ),
    "uint32": (
        _identity("uint32", instances=[2**32 - 1]),
        '{"predictions": [4294967295]}',
    ),
    "uint64": (
        _identity("uint64", instances=[2**64 - 1]),
        f'{{"predictions": [{2**64 - 1}]}}',
    ),
    "string and bytes": (
        _identity("string", instances=["a", {"b64": "Yg=="}]),
        '{"predictions": ["a", "b"]}',
    ),
    "base64 without padding": (
        _identity("string", instances=[{"b64": "Yg"}]),
        '{"predictions": ["b"]}',
    ),
    "base64 in lines": (
        _identity("string", inputs=[{"b64": "YWJj\nZGVm"}]),
        '{"outputs": ["abcdef"]}',
    ),
    "named rows of one input": (
        _identity("int32", instances=[{"x": 1}, {"x": 2}]),
        '{"predictions": [1, 2]}',
    ),
    "named column of one input": (
        _identity("int32", inputs={"x": [4]}),
        '{"outputs": [4]}',
    ),
    "nothing in columns": (_identity("int32", inputs=[]), '{"outputs": []}'),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_are_those_of_tf_serving(server, case):
    body, expected = ANSWERS[case]
    status, answer = server.request(TYPES, body)
    assert status == 200, answer
    assert _tokens(answer) == _tokens(expected)


def _tokens(text):
    """JSON with its floats as they are written, so that 1.0 is not 1."""
    return json.loads(text, parse_float=str, parse_constant=str)


# What is asked of `types` and refused, with a part of the reason.
REFUSED = {
    "no body": (b"", "JSON Parse error: The document is empty"),
    "blank": (b" \n", "JSON Parse error: The document is empty"),
    "no JSON": (b"instances = [1, 2]", "JSON Parse error: Invalid value"),
    "not ended": (b'{"instances": [1', "JSON Parse error"),
    "more than one document": (b"{} {}", "JSON Parse error"),
    "not UTF-8": (b'{"instances": ["\xff"]}', "JSON Parse error"),
    "half a character": (
        b'{"signature_name": "string", "instances": ["\\ud800"]}',
        "JSON Parse error",
    ),
    "deep": (b'{"instances": ' + b"[" * 10**5, "JSON Parse error: nested too deeply"),
    "deep but whole": (
        b'{"signature_name": "float", "inputs": ' + b"[" * 900 + b"]" * 900 + b"}",
        "more than 32 levels",
    ),
    "another encoding": ('{"inputs": [1]}'.encode("utf-16"), "JSON Parse error"),
    "past double": (
        b'{"signature_name": "double", "inputs": [1e400]}',
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "a list": (b"[1]", "Is not object"),
    "neither form": ({}, "Missing 'inputs' or 'instances' key"),
    "both forms": ({"instances": [1], "inputs": [1]}, "expecting only one of"),
    "signature is a number": (
        _identity(100, instances=[1]),
        "'signature_name' key must be a string value.",
    ),
    "unknown signature": (
        _identity("nope", instances=[1]),
        'Serving signature name: "nope" not found in signature def',
    ),
    "instances is no list": ({"instances": ROW}, "'instances' to be an list/array"),
    "instances is empty": ({"instances": []}, "No values in 'instances' array"),
    "plain list for many inputs": ({"instances": [1]}, "expecting list of objects"),
    "bytes for many inputs": (
        {"instances": [{"b64": "YQ=="}]},
        "expecting list of objects",
    ),
    "no input to fill": (
        _identity("nothing", inputs={}),
        "Failed to get input map for signature: nothing",
    ),
    "plain column for many inputs": ({"inputs": [1]}, "expecting an object"),
    "object, then list": ({"instances": [ROW, [1]]}, "Expecting object but got list"),
    "list, then object": (
        _identity("string", instances=[["a"], {"x": ["b"]}]),
        "Expecting value/list but got object",
    ),
    "a key too few": ({"instances": [{"number": 1}]}, "keys must be equal to: number"),
    "a key too many": (
        {"instances": [{**ROW, "more": 1}]},
        "does not have named input: more",
    ),
    "a column too few": (
        {"inputs": {"number": [1], "text": ["a"]}},
        "Missing named input: ratio in 'inputs' object.",
    ),
    "ragged": (_identity("float", instances=[[1, 2], [3]]), "Expecting tensor size"),
    "ragged by name": (
        {"instances": [ROW, {**ROW, "ratio": [1]}]},
        "Failed to process element: 1 key: ratio of 'instances' list. Error: "
        "INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1",
    ),
    "ragged inside": (
        _identity("float", inputs=[[1, 2], [3]]),
        "Encountered list at unexpected size",
    ),
    "shapes differ": (
        _identity("float", instances=[[1, 2], [3, 4], [[5, 6]]]),
        "Expecting shape [2] but got: [1,2]",
    ),
    "number, then list": (_identity("float", inputs=[1, [1]]), "unexpected level"),
    "list, then number": (
        _identity("float", inputs=[[1], 1]),
        "found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
    ),
    "1.0 is no int": (
        _identity("int32", instances=[1.0]),
        "not of expected type: int32",
    ),
    "true is no int": (_identity("int32", instances=[True]), "not of expected type"),
    "true is no float": (_identity("float", instances=[True]), "not of expected type"),
    "1 is no bool": (_identity("bool", instances=[1]), "not of expected type: bool"),
    "null": (
        _identity("int32", instances=[None]),
        "Type: Null is not of expected type",
    ),
    "text is no int": (_identity("int32", instances=["1"]), "Type: String is not"),
    "1 is no text": (
        _identity("string", instances=[1]),
        "not of expected type: string",
    ),
    "an object is no int": (_identity("int32", inputs={"x": [{}]}), "Type: Object"),
    "past uint8": (_identity("uint8", instances=[256]), "uint8, which holds 0 to 255"),
    "below uint8": (_identity("uint8", instances=[-1]), "uint8, which holds 0 to 255"),
    "past int32": (
        _identity("int32", instances=[2**31]),
        "not of expected type: int32",
    ),
    "past uint64": (_identity("uint64", instances=[2**64]), "not of expected type"),
    "past float's digits": (
        _identity("float", instances=[16777217]),
        "Cannot convert JSON value: 16777217 to float without loss of precision.",
    ),
    "past float": (
        _identity("float", instances=[1.7e308]),
        "without loss of precision",
    ),
    "past double's digits": (
        _identity("double", instances=[9007199254740993]),
        "to double without loss of precision",
    ),
    "hundreds of digits": (
        _identity("double", instances=[10**400]),
        "Number too big",
    ),
    "no base64": (
        _identity("string", instances=[{"b64": "a-_b"}]),
        "Unable to base64 decode",
    ),
    "base64 cut off": (_identity("string", instances=[{"b64": "YWJjZ"}]), "Unable to"),
    "base64 padded wrongly": (
        _identity("string", instances=[{"b64": "YQ="}]),
        "Unable",
    ),
    "more than base64": (
        _identity("string", inputs=[{"b64": "YQ==", "more": 1}]),
        "not formatted correctly for base64 data",
    ),
    "uint16 in rows": (
        _identity("uint16", instances=[1]),
        "UNIMPLEMENTED: Conversion of JSON Value: 1 to type: uint16",
    ),
    "rows to nothing": (
        _identity("none", instances=[1]),
        "Tensor name: y has invalid batch size: 0",
    ),
    "half floats out": (
        _identity("half", instances=[1.0]),
        "Failed to write JSON value for tensor type: half",
    ),
    "wrong shape for the graph": (
        {"inputs": {"number": [1], "ratio": [1], "text": ["a"]}},
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tf_serving_refuses_is_refused_in_json(server, case):
    body, reason = REFUSED[case]
    status, answer = server.request(TYPES, body)
    assert status == 400, answer
    error = json.loads(answer)
    assert list(error) == ["error"]
    assert reason in error["error"]
    assert len(error["error"]) < 2500


def test_a_dtype_that_json_cannot_hold_is_not_implemented(server):
    body = _identity("uint16", inputs=[1])
    status, answer = server.request(TYPES, body)
    assert status == 501
    assert "Conversion of JSON Value: 1 to type: uint16" in json.loads(answer)["error"]


def test_what_cannot_be_split_again_is_not_shared(server):
    def ask(n):
        body = _identity("sums", inputs=[float(n), 1.0])
        status, answer = server.request(TYPES, body)
        return status, json.loads(answer)

    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(ask, range(20)))
    assert answers == [(200, {"outputs": n + 1.0}) for n in range(20)]
