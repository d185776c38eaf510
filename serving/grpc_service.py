"""The gRPC interface: TensorFlow Serving's services and the standard health check."""

import contextlib

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_twins.export.signatures import SERVING_DEFAULT
from keras_twins.serving import tensors
from keras_twins.serving.config import model_settings
from keras_twins.serving.core import require_method
from keras_twins.serving.status import ServingError, invalid

_PREDICTION = "tensorflow.serving.PredictionService"
_MODELS = "tensorflow.serving.ModelService"


def make_server(limits):
    """A `grpc.aio` server that takes requests as large as the limits say."""
    return grpc.aio.server(
        interceptors=[_Readable()],
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes),
            ("grpc.max_send_message_length", -1),
            # A second server on the port is an error, not a share of its requests.
            ("grpc.so_reuseport", 0),
        ],
    )


class GrpcApi:
    """Answers gRPC calls.

    Args:
        core: `core.Core`.
        server: `grpc.aio.Server` that has not started.
    """

    def __init__(self, core, server):
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(core), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(core), server
        )

    async def report_health(self, is_serving):
        """Sets what the health check answers, for the server and each service."""
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if is_serving else states.NOT_SERVING
        for service in ("", _PREDICTION, _MODELS):
            await self._health.set(service, state)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, core):
        self._core = core

    async def Predict(self, request, context):
        async with _answering(self._core, context, "Predict", request.model_spec.name):
            with self._core.admitted():
                return await self._predict(request)

    async def GetModelMetadata(self, request, context):
        async with _answering(self._core, context, "", request.model_spec.name):
            wanted = _wanted(request)
            if not request.metadata_field:
                raise invalid(
                    "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise invalid(f"Metadata field {field} is not supported")
            version, signatures = self._core.metadata(*wanted)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = version.model
            response.model_spec.version.value = version.number
            packed = any_pb2.Any()
            packed.Pack(signatures)
            response.metadata["signature_def"].CopyFrom(packed)
            return response

    async def Classify(self, request, context):
        async with _answering(self._core, context, "Classify", request.model_spec.name):
            self._refuse(request, "classify")

    async def Regress(self, request, context):
        async with _answering(self._core, context, "Regress", request.model_spec.name):
            self._refuse(request, "regress")

    async def MultiInference(self, request, context):
        async with _answering(self._core, context, "MultiInference", ""):
            raise ServingError(
                "UNIMPLEMENTED", "MultiInference is not served here; Predict is"
            )

    async def _predict(self, request):
        version = self._core.models.find(*_wanted(request))
        with version.in_use() as servable:
            name = request.model_spec.signature_name
            signature = servable.signature(name)
            inputs = {k: tensors.from_proto(v, k) for k, v in request.inputs.items()}
            filters = _checked_filter(request.output_filter, signature.outputs)
            outputs = await self._core.predict(signature, inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = version.model
        response.model_spec.version.value = version.number
        response.model_spec.signature_name = name or SERVING_DEFAULT
        for output in filters or outputs:
            response.outputs[output].CopyFrom(tensors.to_proto(outputs[output]))
        return response

    def _refuse(self, request, method):
        with self._core.models.find(*_wanted(request)).in_use() as servable:
            require_method(servable, request.model_spec.signature_name, method)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, core):
        self._core = core

    async def GetModelStatus(self, request, context):
        async with _answering(self._core, context, "", request.model_spec.name):
            return self._core.status(*_wanted(request))

    async def HandleReloadConfigRequest(self, request, context):
        async with _answering(self._core, context, "", ""):
            try:
                await self._core.models.serve(model_settings(request.config))
            # Also the InputError of a model that does not load.
            except ValueError as error:
                raise invalid(error) from error
            response = model_management_pb2.ReloadConfigResponse()
            response.status.error_message = ""
            return response


class _Readable(grpc.aio.ServerInterceptor):
    """Refuses what is no message with the status of gRPC's C++, without a traceback."""

    async def intercept_service(self, continuation, details):
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def deserialize(sent):
            try:
                return handler.request_deserializer(sent)
            except DecodeError as error:
                return error

        async def answer(request, context):
            if isinstance(request, DecodeError):
                await context.abort(grpc.StatusCode.INTERNAL, str(request))
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer, deserialize, handler.response_serializer
        )


@contextlib.asynccontextmanager
async def _answering(core, context, api, model):
    """A scope that answers one call, and ends it with the status of a ServingError."""
    try:
        with core.counted("GRPC", api, model):
            yield
    except ServingError as error:
        await context.abort(grpc.StatusCode[error.code], error.message)


def _wanted(request):
    """The model, version and label of a request's `model_spec`."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    number = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.HasField("version_label") else None
    return spec.name, number, label


def _checked_filter(names, outputs):
    for n, name in enumerate(names):
        if name not in outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected "
                f"to be in the set {{{','.join(outputs)}}}."
            )
        if name in names[:n]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return list(names)
