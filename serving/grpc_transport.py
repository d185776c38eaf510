"""One request to a server over TensorFlow Serving's gRPC interface."""

import urllib.parse

from keras_twins.export.signatures import (
    AUDIO_BYTES,
    EMBEDDING,
    SAMPLE_RATE,
    SERVING_DEFAULT,
)
from keras_twins.serving import transports


class GrpcTransport:
    """TensorFlow Serving's gRPC interface.

    Args:
        url: str. `grpc://host:port`, or `grpcs://host:port` for TLS.
        model: str. The model's name at the server.
        timeout: float. Seconds that a request may take.

    Raises:
        InputError: if the package tensorflow-serving-api is missing.
    """

    meets_others = True

    def __init__(self, url, model, timeout):
        try:
            import grpc
            from tensorflow_serving.apis import (
                model_service_pb2_grpc,
                prediction_service_pb2_grpc,
            )
        except ImportError as error:
            raise transports.missing(url, "tensorflow-serving-api") from error
        self._url, self._model, self._timeout = url, model, timeout
        parts = urllib.parse.urlsplit(url)
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # Else a server that comes back is not looked for before a second is over.
            ("grpc.initial_reconnect_backoff_ms", 100),
        ]
        if parts.scheme == "grpcs":
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(parts.netloc, credentials, options)
        else:
            self._channel = grpc.insecure_channel(parts.netloc, options)
        self._rpc_error, self._status = grpc.RpcError, grpc.StatusCode
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def input(self):
        # Over gRPC alone: the REST client needs no TensorFlow.
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = self._model
        request.metadata_field.append("signature_def")
        response = self._answer(self._stub.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        try:
            found = signatures.signature_def[SERVING_DEFAULT].inputs
            return transports.input_of(found, self._rate)
        except (ValueError, TypeError, LookupError) as error:
            raise transports.no_embeddings(self._url, self._model) from error

    def embed(self, name, encoded):
        try:
            answer = self._predict(SERVING_DEFAULT, name, encoded, EMBEDDING)
            return transports.embeddings(answer, len(encoded))
        except (ValueError, TypeError) as error:
            raise transports.no_embeddings(self._url, self._model) from error

    def model(self):
        from tensorflow_serving.apis import get_model_status_pb2  # As above.

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        response = self._answer(self._models.GetModelStatus, request)
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        versions = response.model_version_status
        try:
            return transports.served(
                self._model, [v.version for v in versions if v.state == available]
            )
        except ValueError as error:
            raise transports.no_version(self._url, self._model) from error

    def close(self):
        self._channel.close()

    def _rate(self):
        return self._predict(SAMPLE_RATE, AUDIO_BYTES, [b""], SAMPLE_RATE)[0]

    def _predict(self, signature, name, encoded, output):
        import tensorflow as tf  # As above.
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        tensor = request.inputs[name]
        tensor.dtype = tf.string.as_datatype_enum
        tensor.tensor_shape.dim.add(size=len(encoded))
        tensor.string_val.extend(encoded)
        response = self._answer(self._stub.Predict, request)
        return tf.make_ndarray(response.outputs[output])

    def _answer(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except self._rpc_error as error:
            raise self._failure(error.code(), error.details() or "") from error

    def _failure(self, code, reason):
        status, reason = self._status, transports.short(reason)
        too_large = code is status.RESOURCE_EXHAUSTED and "larger than max" in reason
        if code is status.INVALID_ARGUMENT or too_large:
            return transports.Refused(reason)
        if code in (status.UNAVAILABLE, status.RESOURCE_EXHAUSTED):
            return transports.Unavailable(f"{self._url} is not available: {reason}")
        if code is status.DEADLINE_EXCEEDED:
            return transports.too_late(self._url, self._timeout)
        if code is status.NOT_FOUND:
            return transports.unknown_model(self._url, self._model, reason)
        return transports.ServerError(f"{self._url} failed ({code.name}): {reason}")
