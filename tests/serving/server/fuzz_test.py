"""Whatever a stranger sends, the server answers as documented and goes on."""

import base64
import http.client
import json
import re

import grpc
import pytest
from damage import WHOLE, damaged
from hypothesis import example, given
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2

EMBED = "/v1/models/embedder:predict"
REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INTERNAL,  # gRPC's own, for what is no message.
}

pictures = damaged(WHOLE).map(lambda p: {"b64": base64.b64encode(p).decode()})
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | pictures
)
# Names that mean something, so that what is drawn gets past the first check.
names = st.sampled_from(
    ["b64", "image_bytes", "images", "number", "ratio", "text", "x"]
) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=8,
)
signatures = st.sampled_from(["serving_default", "embed_images", "int8", "string"])
requests = st.fixed_dictionaries(
    {},
    optional={
        "instances": values,
        "inputs": values,
        "signature_name": signatures | scalars,
        "nonsense": scalars,
    },
)


def answer(server, path, body):
    """The answer's status, having seen that it is one of TensorFlow Serving's form."""
    status, text = server.request(path, body)
    found = json.loads(text)
    if status == 200:
        assert found.keys() & {"predictions", "outputs"}
    else:
        assert status == 400, (status, text)
        assert found.keys() == {"error"} and found["error"]
    return status


@pytest.mark.parametrize("model", ["embedder", "types"])
@given(document=requests | values)
def test_any_json_is_answered(server, model, document):
    answer(server, f"/v1/models/{model}:predict", json.dumps(document).encode())


@given(damaged([b'{"instances": [{"b64": "AAAA"}], "signature_name": ""}']))
def test_json_that_is_damaged_is_answered(server, body):
    answer(server, EMBED, body)


@given(st.integers(1, 200_000), st.sampled_from([b"[", b'{"a":', b'[{"b64":']))
def test_json_of_any_depth_is_answered(server, depth, part):
    assert answer(server, EMBED, part * depth) == 400


@given(st.lists(damaged(WHOLE) | st.binary(max_size=64), min_size=1, max_size=4))
def test_any_picture_is_embedded_or_refused(server, files):
    body = {"instances": [{"b64": base64.b64encode(f).decode()} for f in files]}
    status, text = server.request(EMBED, body)
    found = json.loads(text)
    if status == 200:
        assert len(found["predictions"]) == len(files)
    else:
        assert status == 400 and found["error"], found


REQUEST = (
    b"POST /v1/models/embedder:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
)
WHOLE_REQUESTS = [REQUEST + b"\r\n{}", b"GET /v1/models/embedder HTTP/1.1\r\n\r\n"]


# Without a version it is a request of HTTP/0.9, and is refused as one.
@example(sent=b"GET /v1/models/embedder!HTTP/1.1\r\n\r\n")
@given(sent=damaged(WHOLE_REQUESTS))
def test_any_bytes_are_answered_or_hung_up_on(server, sent):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    connection.connect()
    try:
        connection.sock.sendall(sent)
        connection.sock.shutdown(1)  # What is cut off will not go on.
        got = connection.sock.recv(2**16)
    finally:
        connection.close()
    assert re.match(rb"HTTP/(1\.\d [1-4]|0\.9 400)|$", got), got


def _message(signature):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "embedder"
    request.model_spec.signature_name = signature
    tensor = request.inputs["image_bytes"]
    tensor.dtype = 7
    tensor.tensor_shape.dim.add(size=1)
    tensor.string_val.append(WHOLE[1])
    return request.SerializeToString()


@given(damaged([_message(""), _message("embed_images")]))
def test_any_message_is_answered(server, sent):
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        try:
            answered = predict_pb2.PredictResponse.FromString(call(sent, timeout=30))
        except grpc.RpcError as error:
            assert error.code() in REFUSED, error
            return
    assert answered.outputs.keys() == {"embedding"}


def test_it_still_serves(server):
    body = {"instances": [{"b64": base64.b64encode(WHOLE[0]).decode()}]}
    assert answer(server, EMBED, body) == 200
