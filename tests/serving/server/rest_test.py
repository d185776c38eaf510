"""The REST interface beside TensorFlow Serving's documentation, source and tests."""

import base64
import concurrent.futures
import gzip
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

EMBED = "/v1/models/embedder:predict"
TYPES = "/v1/models/types:predict"


def _picture(kind="PNG", size=(13, 11), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _b64(data):
    return {"b64": base64.b64encode(data).decode()}


PNG = _b64(_picture())
JPEG = _b64(_picture("JPEG"))
BOMB = _b64(_picture(size=(101, 100)))
ROW = {"number": 3, "ratio": [1, 2], "text": "a"}


def _answer(server, path, body):
    status, answer = server.request(path, body)
    return status, json.loads(answer)


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
    "ragged inside": (
        _identity("float", inputs=[[1, 2], [3]]),
        "Encountered list at unexpected size",
    ),
    "shapes differ": (
        _identity("float", instances=[[1, 2], [3, 4], [[5, 6]]]),
        "Expecting shape",
    ),
    "number, then list": (_identity("float", inputs=[1, [1]]), "unexpected level"),
    "list, then number": (_identity("float", inputs=[[1], 1]), "at incorrect level"),
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
        "loss of precision",
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


PATHS = [
    ("GET", "/v1/models/embedder", 200, "AVAILABLE"),
    ("GET", "/V1/Models/embedder", 200, "AVAILABLE"),
    ("GET", "/v1/models/embedder?some=query", 200, "AVAILABLE"),
    ("GET", "/v1/models/%65mbedder", 200, "AVAILABLE"),
    ("GET", "/v1/models/embedder/versions/1", 200, '"version": "1"'),
    ("GET", "/v1/models/embedder/labels/stable", 200, '"version": "1"'),
    ("GET", "/v1/models/embedder/versions/9", 404, "Could not find version 9 of model"),
    ("GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
    (
        "GET",
        "/v1/models/embedder/labels/no",
        400,
        "Unrecognized servable version label",
    ),
    ("GET", "/v1/models/embedder/metadata", 200, "image_bytes"),
    ("GET", "/v1/models/embedder/versions/1/metadata", 200, '"version": "1"'),
    ("GET", "/v1/models/nope/metadata", 404, "Servable not found for request: Latest"),
    ("GET", "/v1/models", 400, "Missing model name in request."),
    ("POST", "/v1/models", 400, "Malformed request: POST /v1/models"),
    ("GET", "/v1/models/", 400, "Malformed request"),
    ("GET", "/v1/models/embedder/", 400, "Malformed request"),
    ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
    ("POST", "/v1/foo", 400, "Malformed request: POST /v1/foo"),
    ("DELETE", "/v1/models/embedder", 400, "Malformed request: DELETE"),
    ("GET", EMBED, 400, "Malformed request: GET /v1/models/embedder:predict"),
    ("PUT", EMBED, 400, "Malformed request: PUT"),
    ("POST", EMBED + "/", 400, "Malformed request"),
    ("POST", "/v1/models/embedder", 400, "Malformed request"),
    ("POST", "/v1/models/embedder/metadata", 400, "Malformed request"),
    ("POST", "/v1/models/embedder:explain", 400, "Malformed request"),
    ("POST", "/v1/models/embedder/version/1:predict", 400, "Malformed request"),
    ("POST", "/v1/models/embedder/versions/HELLO:predict", 400, "Malformed request"),
    ("POST", "/v1/models/embedder/versions/1/labels/a:predict", 400, "Malformed"),
    ("POST", f"/v1/models/a/versions/{2**64 - 1}:predict", 400, "Failed to convert"),
    ("GET", "/", 404, None),
    ("GET", "/statuspage", 404, None),
    ("POST", "/v2/models/embedder:predict", 404, None),
    ("POST", "/monitoring/prometheus/metrics", 404, None),
]


@pytest.mark.parametrize("method, path, expected, text", PATHS)
def test_paths_are_those_of_tf_serving(server, method, path, expected, text):
    body = b"{}" if method == "POST" else None
    status, answer = server.request(path, body, method)
    assert status == expected, answer
    if text is None:
        with pytest.raises(ValueError):
            json.loads(answer)
    else:
        assert text in json.dumps(json.loads(answer))


WANTED = [
    ("", 200, 2),
    ("/versions/1", 200, 1),
    ("/versions/2", 200, 2),
    ("/labels/stable", 200, 1),
    ("/versions/3", 404, "Servable not found for request: Specific(embedder, 3)"),
    ("/labels/gone", 404, "Servable not found for request: Specific(embedder, 9)"),
    ("/labels/nope", 400, "Unrecognized servable version label: nope"),
]


@pytest.mark.parametrize("wanted, expected, which", WANTED)
def test_a_version_is_had_by_number_and_by_label(
    server, embed, wanted, expected, which
):
    path = f"/v1/models/embedder{wanted}:predict"
    status, answer = _answer(server, path, {"instances": [PNG]})
    assert status == expected
    if status == 200:
        expected = embed(which, [_picture()])
        np.testing.assert_allclose(answer["predictions"], expected, atol=1e-5)
    else:
        assert which in answer["error"]


@pytest.fixture(scope="module")
def embed(exported):
    """The embeddings by a version, computed here."""
    versions = {
        number: tf.saved_model.load(str(exported / "embedder" / str(number)))
        for number in (1, 2)
    }

    def embed(number, pictures):
        signature = versions[number].signatures["serving_default"]
        return signature(image_bytes=tf.constant(pictures))["embedding"].numpy()

    return embed


IMAGES = {
    "png and jpeg": (
        {"instances": [PNG, JPEG]},
        200,
        None,
    ),
    "named": ({"instances": [{"image_bytes": JPEG}]}, 200, None),
    "pixels": (
        _identity("embed_images", instances=np.full((2, 5, 9, 3), 255).tolist()),
        200,
        None,
    ),
    "no picture": ({"instances": [PNG, {"b64": "eHg="}]}, 400, "image_bytes[1] is no"),
    "plain text": ({"instances": ["text"]}, 400, "image_bytes[0] is no"),
    "empty": ({"instances": [{"b64": ""}]}, 400, "image_bytes[0] is no"),
    "cut off": ({"instances": [_b64(_picture("JPEG")[:200])]}, 400, "JPEG"),
    "a bomb": ({"instances": [BOMB]}, 400, "claims 100 x 101 pixels"),
    "scalar": ({"inputs": PNG}, 400, "must be a vector"),
    "matrix": ({"instances": [[PNG]]}, 400, "must be a vector"),
    "grey pixels": (
        _identity("embed_images", inputs=np.zeros((2, 5, 9), int).tolist()),
        400,
        "images must be uint8 RGB",
    ),
    "no pixels": (
        _identity("embed_images", inputs=[]),
        400,
        "images must be uint8 RGB",
    ),
    "rank 5": (
        _identity("embed_images", inputs=np.zeros((1, 1, 2, 2, 3), int).tolist()),
        400,
        "images must be uint8 RGB",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_pictures_are_embedded_or_refused_by_name(server, case):
    body, expected, reason = IMAGES[case]
    status, answer = _answer(server, EMBED, body)
    assert status == expected, answer
    if reason is not None:
        assert reason in answer["error"]
    else:
        lengths = np.linalg.norm(answer["predictions"], axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-5)


@pytest.mark.parametrize("method", ["classify", "regress"])
@pytest.mark.parametrize(
    "model, body, expected, reason",
    [
        (
            "embedder",
            {"examples": [{"x": 1}]},
            400,
            "signature method_name to be tensor",
        ),
        ("embedder", {"examples": {"x": 1}}, 400, "list/array"),
        ("embedder", {"examples": [[1]]}, 400, "Example must be JSON object"),
        ("embedder", {}, 400, "examples"),
        ("embedder", b"", 400, "document is empty"),
        ("embedder", _identity("no", examples=[{}]), 400, "No signature was found"),
        ("nope", {"examples": [{"x": 1}]}, 404, "Servable not found"),
    ],
)
def test_classify_and_regress_say_that_the_model_does_not(
    server, method, model, body, expected, reason
):
    status, answer = _answer(server, f"/v1/models/{model}:{method}", body)
    assert status == expected
    assert reason in answer["error"]


def test_metadata_tells_types_shapes_and_methods(server):
    status, answer = _answer(server, "/v1/models/embedder/metadata", None)
    assert status == 200
    assert answer["model_spec"] == {
        "name": "embedder",
        "signature_name": "",
        "version": "2",
    }
    signature = answer["metadata"]["signature_def"]["signature_def"]["embed_images"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    images = signature["inputs"]["images"]
    assert images["dtype"] == "DT_UINT8"
    assert [
        dim["size"] for dim in images["tensor_shape"]["dim"]
    ] == "-1 -1 -1 3".split()
    assert images["tensor_shape"]["unknown_rank"] is False


def test_status_lists_versions_from_the_highest(server):
    status, answer = _answer(server, "/v1/models/embedder", None)
    assert (status, answer) == (
        200,
        {
            "model_version_status": [
                {
                    "version": version,
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
                for version in ("2", "1")
            ]
        },
    )


def test_compressed_bodies_are_taken(server):
    body = json.dumps({"instances": [PNG]}).encode()
    headers = {"Content-Encoding": "gzip"}
    status, answer = server.request(EMBED, gzip.compress(body), headers=headers)
    assert status == 200, answer
    status, answer = server.request(EMBED, body, headers=headers)
    assert status == 400
    assert "cannot be read" in json.loads(answer)["error"]


def test_a_request_larger_than_a_batch_is_answered_in_order(server, embed):
    pictures = [_picture(seed=seed) for seed in range(21)]
    body = {"instances": [_b64(picture) for picture in pictures]}
    status, answer = _answer(server, EMBED, body)
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], embed(2, pictures), atol=1e-5)
    body["instances"][17] = {"b64": "eHg="}
    status, answer = _answer(server, EMBED, body)
    assert status == 400
    assert "image_bytes[17] is no" in answer["error"]


def test_requests_that_share_a_batch_get_their_own_answers(server, embed):
    pictures = [_picture(seed=seed) for seed in range(40)]
    expected = embed(2, pictures)

    def ask(n):
        # Every fifth client sends what is no picture.
        instance = {"b64": "eHg="} if n % 5 == 0 else _b64(pictures[n])
        return _answer(server, EMBED, {"instances": [instance]})

    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(40)))
    for n, (status, answer) in enumerate(answers):
        if n % 5 == 0:
            assert status == 400
            assert "image_bytes[0] is no" in answer["error"]
        else:
            assert status == 200
            np.testing.assert_allclose(answer["predictions"][0], expected[n], atol=1e-5)


def test_what_cannot_be_split_again_is_not_shared(server):
    def ask(n):
        return _answer(server, TYPES, _identity("sums", inputs=[float(n), 1.0]))

    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(ask, range(20)))
    assert answers == [(200, {"outputs": n + 1.0}) for n in range(20)]
