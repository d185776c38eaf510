"""The REST interface beside TensorFlow Serving's documentation, source and tests."""

import base64
import concurrent.futures
import contextlib
import gzip
import http.client
import io
import json
import zlib

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


def _answer(server, path, body):
    status, answer = server.request(path, body)
    return status, json.loads(answer)


def _identity(signature, **request):
    return {"signature_name": signature, **request}


PATHS = [
    ("GET", "/v1/models/embedder", 200, "AVAILABLE"),
    ("GET", "/V1/Models/embedder", 200, "AVAILABLE"),
    ("GET", "/v1/models/embedder?a=b", 404, "any versions of model embedder?a=b"),
    ("POST", EMBED + "?a=b", 400, "Malformed request: POST /v1/models/embedder:pred"),
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
    ("GET", "/v1/models/versions/1", 400, "Missing model name in request."),
    ("GET", "/v1/models/metadata", 404, "Could not find any versions of model meta"),
    ("GET", f"/v1/models/embedder/versions/{'0' * 5000}1", 200, '"version": "1"'),
    ("GET", f"/v1/models/embedder/versions/{'9' * 5000}", 400, "Failed to convert"),
    ("POST", "/v1/models", 400, "Malformed request: POST /v1/models"),
    ("GET", "/v1/models/", 400, "Malformed request"),
    ("GET", "/v1/models/embedder/", 400, "Malformed request"),
    ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
    ("POST", "/v1/foo", 400, "Malformed request: POST /v1/foo"),
    ("DELETE", "/v1/models/embedder", 400, "Malformed request: DELETE"),
    ("GET", EMBED, 400, "Malformed request: GET /v1/models/embedder:predict"),
    ("PUT", EMBED, 400, "Malformed request: PUT"),
    ("POST", EMBED.replace("predict", "PREDICT"), 400, "Malformed request"),
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


def test_a_path_may_be_a_whole_url(server):
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    ) as connection:
        connection.request("GET", f"{server.rest}/v1/models/embedder")
        assert connection.getresponse().status == 200


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
    "no picture": (
        {"instances": [PNG, {"b64": "eHg="}]},
        400,
        "image_bytes[1] is not a",
    ),
    "plain text": ({"instances": ["text"]}, 400, "image_bytes[0] is not a"),
    "empty": ({"instances": [{"b64": ""}]}, 400, "image_bytes[0] is an empty file"),
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
        ("embedder", {"examples": {"x": 1}}, 400, "value to be an list/array"),
        ("embedder", {"examples": []}, 400, "'examples' value is an empty array"),
        ("embedder", {"context": [1]}, 400, "Example must be JSON object but got JSON"),
        ("embedder", {"examples": [[1]]}, 400, "Example must be JSON object"),
        ("embedder", {}, 400, "key 'examples' is expected and was not found"),
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
    headers = {"Content-Encoding": "deflate"}
    status, answer = server.request(EMBED, zlib.compress(body), headers=headers)
    assert status == 400
    assert "gzip is taken" in json.loads(answer)["error"]


def test_a_request_larger_than_a_batch_is_answered_in_order(server, embed):
    pictures = [_picture(seed=seed) for seed in range(21)]
    body = {"instances": [_b64(picture) for picture in pictures]}
    status, answer = _answer(server, EMBED, body)
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], embed(2, pictures), atol=1e-5)
    body["instances"][17] = {"b64": "eHg="}
    status, answer = _answer(server, EMBED, body)
    assert status == 400
    assert "image_bytes[17] is not a" in answer["error"]


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
            assert "image_bytes[0] is not a" in answer["error"]
        else:
            assert status == 200
            np.testing.assert_allclose(answer["predictions"][0], expected[n], atol=1e-5)
