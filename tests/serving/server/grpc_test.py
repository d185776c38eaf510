"""The gRPC interface beside TensorFlow Serving's, with its own stubs."""

import contextlib
import io

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

WIDTH = 4


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def predictions(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def _png(size=(9, 7)):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(file, "PNG")
    return file.getvalue()


def _request(text="", /, **inputs):
    """A request in text form, with arrays as `make_tensor_proto` packs them."""
    request = text_format.Parse(text, predict_pb2.PredictRequest())
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


@contextlib.contextmanager
def _refused(code, details):
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() == getattr(grpc.StatusCode, code)
    assert details in caught.value.details()


@pytest.mark.parametrize(
    "spec, version",
    [
        ("", 2),
        ("version { value: 1 }", 1),
        ('version_label: "stable"', 1),
        ('signature_name: "serving_default"', 2),
    ],
)
def test_pictures_are_embedded_by_the_version_asked_for(predictions, spec, version):
    request = _request(
        f'model_spec {{ name: "embedder" {spec} }}', image_bytes=[_png(), _png()]
    )
    response = predictions.Predict(request)
    assert response.model_spec.name == "embedder"
    assert response.model_spec.version.value == version
    assert response.model_spec.signature_name == "serving_default"
    output = response.outputs["embedding"]
    # As TF Serving answers; many clients read nothing else.
    assert len(output.float_val) == 2 * WIDTH and not output.tensor_content
    embedding = tf.make_ndarray(output)
    assert embedding.shape == (2, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_megabytes_of_pixels_are_taken(predictions):
    pixels = np.full((4, 900, 900, 3), 7, np.uint8)
    spec = 'model_spec { name: "embedder" signature_name: "embed_images" }'
    response = predictions.Predict(_request(spec, images=pixels))
    embedding = tf.make_ndarray(response.outputs["embedding"])
    np.testing.assert_allclose(embedding, embedding[:1].repeat(4, axis=0), atol=1e-6)


TENSORS = {
    "values": (
        "int32",
        "dtype: DT_INT32 int_val: [1, 2] tensor_shape { dim { size: 2 } }",
    ),
    "last value repeated": (
        "float",
        "dtype: DT_FLOAT float_val: 3 tensor_shape { dim { size: 4 } }",
    ),
    "no value": ("int64", "dtype: DT_INT64 tensor_shape { dim { size: 3 } }"),
    "packed": (
        "uint8",
        r'dtype: DT_UINT8 tensor_content: "\001\377" tensor_shape { dim { size: 2 } }',
    ),
    "scalar": ("float", "dtype: DT_FLOAT float_val: 3 tensor_shape { }"),
    "double": (
        "double",
        "dtype: DT_DOUBLE double_val: 0.1 tensor_shape { dim { size: 1 } }",
    ),
    "bool": ("bool", "dtype: DT_BOOL bool_val: true tensor_shape { dim { size: 1 } }"),
    "empty": ("uint64", "dtype: DT_UINT64 tensor_shape { dim { size: 0 } }"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_mean_what_they_mean_to_tensorflow(predictions, case):
    signature, text = TENSORS[case]
    spec = f'model_spec {{ name: "types" signature_name: "{signature}" }}'
    request = _request(spec + f' inputs {{ key: "x" value {{ {text} }} }}')
    output = predictions.Predict(request).outputs["y"]
    sent = request.inputs["x"]
    expected = tf.make_ndarray(sent)
    assert output.dtype == sent.dtype
    assert output.tensor_shape == sent.tensor_shape
    np.testing.assert_array_equal(tf.make_ndarray(output), expected)


def test_half_floats_come_back_and_a_filter_chooses(predictions):
    spec = 'model_spec { name: "types" signature_name: "half" }'
    output = predictions.Predict(_request(spec, x=np.float32([1.5]))).outputs["y"]
    assert tf.make_ndarray(output) == np.float16(1.5)
    request = _request(
        'model_spec { name: "types" } output_filter: "doubled"',
        number=np.int32([2]),
        ratio=np.float32([[1, 2]]),
        text=["a"],
    )
    response = predictions.Predict(request)
    assert list(response.outputs) == ["doubled"]
    assert list(response.outputs["doubled"].int_val) == [4]


STRINGS = (
    r'dtype: DT_STRING tensor_content: "\001\002abb" tensor_shape { dim { size: 2 } }'
)


def test_strings_may_be_packed_as_only_the_cpp_library_does(predictions):
    request = _request(
        'model_spec { name: "types" signature_name: "string" }'
        f'inputs {{ key: "x" value {{ {STRINGS} }} }}'
    )
    assert list(predictions.Predict(request).outputs["y"].string_val) == [b"a", b"bb"]


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
    with _refused(code, details):
        predictions.Predict(_request(text))


def test_metadata_holds_the_signatures(predictions):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "embedder"
    with _refused("INVALID_ARGUMENT", "at least one metadata_field"):
        predictions.GetModelMetadata(request)
    request.metadata_field.append("signature_def")
    response = predictions.GetModelMetadata(request)
    assert response.model_spec.version.value == 2
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    (name,) = signatures.signature_def["serving_default"].inputs
    assert name == "image_bytes"
    request.metadata_field.append("weights")
    with _refused("INVALID_ARGUMENT", "weights is not supported"):
        predictions.GetModelMetadata(request)


def test_status_tells_versions_and_states(models):
    request = get_model_status_pb2.GetModelStatusRequest()
    with _refused("INVALID_ARGUMENT", "Missing ModelSpec"):
        models.GetModelStatus(request)
    request.model_spec.name = "embedder"
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    found = models.GetModelStatus(request).model_version_status
    assert [(v.version, v.state) for v in found] == [(2, available), (1, available)]
    request.model_spec.version.value = 5
    with _refused("NOT_FOUND", "Could not find version 5 of model embedder"):
        models.GetModelStatus(request)


@pytest.mark.parametrize(
    "method, request_class",
    [
        ("Classify", classification_pb2.ClassificationRequest),
        ("Regress", regression_pb2.RegressionRequest),
    ],
)
def test_other_methods_say_that_the_model_has_none(predictions, method, request_class):
    request = request_class()
    request.model_spec.name = "embedder"
    with _refused(
        "INVALID_ARGUMENT", "signature method_name to be tensorflow/serving/"
    ):
        getattr(predictions, method)(request)


def test_several_inferences_at_a_time_are_not_implemented(predictions):
    with _refused("UNIMPLEMENTED", "Predict is"):
        predictions.MultiInference(inference_pb2.MultiInferenceRequest())


@pytest.mark.parametrize(
    "service", ["", "tensorflow.serving.PredictionService", "nope"]
)
def test_the_health_check_answers(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    if service == "nope":
        with _refused("NOT_FOUND", ""):
            stub.Check(request)
    else:
        assert stub.Check(request).status == health_pb2.HealthCheckResponse.SERVING


def test_a_configuration_that_does_not_load_changes_nothing(models, predictions):
    request = model_management_pb2.ReloadConfigRequest()
    with _refused("INVALID_ARGUMENT", "model_config_list"):
        models.HandleReloadConfigRequest(request)
    request.config.model_config_list.config.add(name="new", base_path="/nowhere")
    with _refused("INVALID_ARGUMENT", "'/nowhere' does not exist"):
        models.HandleReloadConfigRequest(request)
    spec = 'model_spec { name: "embedder" }'
    assert predictions.Predict(_request(spec, image_bytes=[_png()])).outputs
