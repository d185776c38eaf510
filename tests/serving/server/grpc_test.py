"""The gRPC interface beside TensorFlow Serving's, with its own stubs."""

import io

import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_requests import STRINGS, make_request, refused
from PIL import Image
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

WIDTH = 4


def _png(size=(9, 7)):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(file, "PNG")
    return file.getvalue()


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
    request = make_request(
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
    response = predictions.Predict(make_request(spec, images=pixels))
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
    request = make_request(spec + f' inputs {{ key: "x" value {{ {text} }} }}')
    output = predictions.Predict(request).outputs["y"]
    sent = request.inputs["x"]
    expected = tf.make_ndarray(sent)
    assert output.dtype == sent.dtype
    assert output.tensor_shape == sent.tensor_shape
    np.testing.assert_array_equal(tf.make_ndarray(output), expected)


def test_half_floats_come_back_and_a_filter_chooses(predictions):
    spec = 'model_spec { name: "types" signature_name: "half" }'
    output = predictions.Predict(make_request(spec, x=np.float32([1.5]))).outputs["y"]
    assert tf.make_ndarray(output) == np.float16(1.5)
    request = make_request(
        'model_spec { name: "types" } output_filter: "doubled"',
        number=np.int32([2]),
        ratio=np.float32([[1, 2]]),
        text=["a"],
    )
    response = predictions.Predict(request)
    assert list(response.outputs) == ["doubled"]
    assert list(response.outputs["doubled"].int_val) == [4]


def test_strings_may_be_packed_as_only_the_cpp_library_does(predictions):
    request = make_request(
        'model_spec { name: "types" signature_name: "string" }'
        f'inputs {{ key: "x" value {{ {STRINGS} }} }}'
    )
    assert list(predictions.Predict(request).outputs["y"].string_val) == [b"a", b"bb"]


def test_metadata_holds_the_signatures(predictions):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "embedder"
    with refused("INVALID_ARGUMENT", "at least one metadata_field"):
        predictions.GetModelMetadata(request)
    request.metadata_field.append("signature_def")
    response = predictions.GetModelMetadata(request)
    assert response.model_spec.version.value == 2
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    (name,) = signatures.signature_def["serving_default"].inputs
    assert name == "image_bytes"
    request.metadata_field.append("weights")
    with refused("INVALID_ARGUMENT", "weights is not supported"):
        predictions.GetModelMetadata(request)


def test_status_tells_versions_and_states(models):
    request = get_model_status_pb2.GetModelStatusRequest()
    with refused("INVALID_ARGUMENT", "Missing ModelSpec"):
        models.GetModelStatus(request)
    request.model_spec.name = "embedder"
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    found = models.GetModelStatus(request).model_version_status
    assert [(v.version, v.state) for v in found] == [(2, available), (1, available)]
    request.model_spec.version.value = 5
    with refused("NOT_FOUND", "Could not find version 5 of model embedder"):
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
    with refused("INVALID_ARGUMENT", "signature method_name to be tensorflow/serving/"):
        getattr(predictions, method)(request)


def test_several_inferences_at_a_time_are_not_implemented(predictions):
    with refused("UNIMPLEMENTED", "Predict is"):
        predictions.MultiInference(inference_pb2.MultiInferenceRequest())


@pytest.mark.parametrize(
    "service", ["", "tensorflow.serving.PredictionService", "nope"]
)
def test_the_health_check_answers(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    if service == "nope":
        with refused("NOT_FOUND", ""):
            stub.Check(request)
    else:
        assert stub.Check(request).status == health_pb2.HealthCheckResponse.SERVING


def test_a_configuration_that_does_not_load_changes_nothing(models, predictions):
    request = model_management_pb2.ReloadConfigRequest()
    with refused("INVALID_ARGUMENT", "model_config_list"):
        models.HandleReloadConfigRequest(request)
    request.config.model_config_list.config.add(name="new", base_path="/nowhere")
    with refused("INVALID_ARGUMENT", "'/nowhere' does not exist"):
        models.HandleReloadConfigRequest(request)
    spec = 'model_spec { name: "embedder" }'
    assert predictions.Predict(make_request(spec, image_bytes=[_png()])).outputs
