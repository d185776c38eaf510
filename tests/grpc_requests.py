"""Requests over gRPC in text form, and refusals."""

import contextlib

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2

STRINGS = (
    r'dtype: DT_STRING tensor_content: "\001\002abb" tensor_shape { dim { size: 2 } }'
)


def make_request(text="", /, **inputs):
    """A request in text form, with arrays as `make_tensor_proto` packs them."""
    request = text_format.Parse(text, predict_pb2.PredictRequest())
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


@contextlib.contextmanager
def refused(code, details):
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() == getattr(grpc.StatusCode, code)
    assert details in caught.value.details()
