"""What the gRPC interface refuses, with the codes of TensorFlow Serving."""

import pytest
from grpc_requests import STRINGS, make_request, refused

TENSOR = 'inputs { key: "x" value { %s } }'
INT32 = 'model_spec { name: "types" signature_name: "int32" } ' + TENSOR
UINT8 = 'model_spec { name: "types" signature_name: "uint8" } ' + TENSOR
ONE = "dtype: DT_INT32 int_val: 1 tensor_shape { dim { size: 1 } }"

REFUSED = {
    "no model": ("", "INVALID_ARGUMENT", "Missing ModelSpec"),
    "no name": ("model_spec { }", "INVALID_ARGUMENT", "no name specified"),
    "unknown model": (
        'model_spec { name: "nope" }',
        "NOT_FOUND",
        "Servable not found for request: Latest(nope)",
    ),
    "unknown version": (
        'model_spec { name: "types" version { value: 3 } }',
        "NOT_FOUND",
        "Servable not found for request: Specific(types, 3)",
    ),
    "unknown label": (
        'model_spec { name: "embedder" version_label: "no" }',
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: no",
    ),
    "empty label": (
        'model_spec { name: "embedder" version_label: "" }',
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: ",
    ),
    "unknown signature": (
        'model_spec { name: "types" signature_name: "no" }',
        "FAILED_PRECONDITION",
        'Serving signature key "no" not found.',
    ),
    "no input": (
        'model_spec { name: "embedder" }',
        "INVALID_ARGUMENT",
        "Sent extra: {}. Missing but required: {image_bytes}.",
    ),
    "another input": (
        'model_spec { name: "embedder" } ' + TENSOR % ONE,
        "INVALID_ARGUMENT",
        "input tensor alias not found in signature: x. Inputs expected to be in the "
        "set {image_bytes}.",
    ),
    "an input too many": (
        INT32 % ONE + TENSOR.replace("x", "z") % ONE,
        "INVALID_ARGUMENT",
        "2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
    ),
    "wrong dtype": (
        INT32 % "dtype: DT_STRING string_val: 'a' tensor_shape { dim { size: 1 } }",
        "INVALID_ARGUMENT",
        "to be int32 but string is provided",
    ),
    "unknown output": (
        INT32 % ONE + ' output_filter: "no"',
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: no",
    ),
    "output twice": (
        INT32 % ONE + ' output_filter: ["y", "y"]',
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: y",
    ),
    "no dtype": (INT32 % "int_val: 1", "INVALID_ARGUMENT", "tensor parsing error: x"),
    "a handle": (
        INT32 % "dtype: DT_RESOURCE tensor_shape { dim { size: 1 } }",
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "fewer bytes than elements": (
        UINT8 % 'dtype: DT_UINT8 tensor_content: "ab" tensor_shape { dim { size: 3 } }',
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "fewer strings than elements": (
        'model_spec { name: "types" signature_name: "string" }'
        + TENSOR % STRINGS.replace("size: 2", "size: 3"),
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "past uint8": (
        UINT8 % "dtype: DT_UINT8 int_val: 256 tensor_shape { dim { size: 1 } }",
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "terabytes in one value": (
        INT32
        % "dtype: DT_INT32 int_val: 1 tensor_shape { dim { size: 1000000000000 } }",
        "INVALID_ARGUMENT",
        "elements, more than",
    ),
    "negative axis": (
        INT32 % "dtype: DT_INT32 int_val: 1 tensor_shape { dim { size: -1 } }",
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "no rank": (
        INT32 % "dtype: DT_INT32 int_val: 1 tensor_shape { unknown_rank: true }",
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "no picture": (
        'model_spec { name: "embedder" } inputs { key: "image_bytes" value {'
        'dtype: DT_STRING string_val: "xx" tensor_shape { dim { size: 1 } } } }',
        "INVALID_ARGUMENT",
        "image_bytes[0] is not a JPEG, PNG, BMP, GIF or WebP image",
    ),
    "scalar picture": (
        'model_spec { name: "embedder" } inputs { key: "image_bytes" value {'
        'dtype: DT_STRING string_val: "xx" tensor_shape { } } }',
        "INVALID_ARGUMENT",
        "image_bytes must be a vector",
    ),
    "rank 3": (
        'model_spec { name: "embedder" signature_name: "embed_images" }'
        'inputs { key: "images" value { dtype: DT_UINT8 tensor_shape {'
        "dim { size: 2 } dim { size: 2 } dim { size: 3 } } } }",
        "INVALID_ARGUMENT",
        "images must be uint8 RGB",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tf_serving_refuses_is_refused_with_its_code(predictions, case):
    text, code, details = REFUSED[case]
    with refused(code, details):
        predictions.Predict(make_request(text))
