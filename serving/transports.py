"""One request to a server that speaks as TensorFlow Serving does: REST or gRPC.

A transport has `input()`, what the model takes, a `ModelInput`; `embed(name, encoded)`,
from the input's name and a list of encoded files to float32 `(count, width)`;
`model()`, which model embeds; and `close()`. It tries once, and tells what failed by
the error. `meets_others` says whether a request may be refused for what is in another
one, as where a server runs several of them as one batch.
"""

import base64
import urllib.parse
from typing import NamedTuple

import numpy as np

from keras_twins.errors import InputError
from keras_twins.export.signatures import (
    AUDIO_BYTES,
    EMBEDDING,
    IMAGE_BYTES,
    SAMPLE_RATE,
    SERVING_DEFAULT,
)
from keras_twins.serving.model_input import ImageInput, SoundInput

_REASON_CHARACTERS = 500


class Model(NamedTuple):
    """Which model made embeddings.

    Attributes:
        name: str, for messages.
        key: str, the same for the same model alone.
    """

    name: str
    key: str


class ServerError(RuntimeError):
    """A server that cannot be reached, or does not answer with embeddings."""


class Unavailable(ServerError):
    """Nobody there or no time now: the same request may succeed later."""


class Refused(ServerError):
    """The server finds fault with the files, or with how many they are."""


class RestTransport:
    """TensorFlow Serving's REST interface.

    Args:
        url: str. `http://host:port` or `https://host`, with or without a path.
        model: str. The model's name at the server.
        timeout: float. Seconds that the server may be silent.
        connections: int. The most requests at a time.

    Raises:
        InputError: if the package httpx is missing.
    """

    meets_others = True

    def __init__(self, url, model, timeout, connections):
        try:
            import httpx
        except ImportError as error:
            raise _missing(url, "httpx") from error
        self._errors = httpx
        self._url, self._model, self._timeout = url, model, timeout
        name = urllib.parse.quote(model, safe="")
        self._status = f"{url}/v1/models/{name}"
        limits = httpx.Limits(max_connections=connections)
        self._http = httpx.Client(timeout=timeout, limits=limits)

    def input(self):
        response = self._answer("GET", f"{self._status}/metadata")
        try:
            signatures = response.json()["metadata"]["signature_def"]["signature_def"]
            return _input(signatures[SERVING_DEFAULT]["inputs"], self._rate)
        except (ValueError, TypeError, LookupError) as error:
            raise _no_embeddings(self._url, self._model) from error

    def embed(self, name, encoded):
        answer = self._predict(SERVING_DEFAULT, name, encoded)
        try:
            return _embeddings(answer.json()["outputs"], len(encoded))
        except (ValueError, TypeError, LookupError) as error:
            raise _no_embeddings(self._url, self._model) from error

    def model(self):
        response = self._answer("GET", self._status)
        try:
            versions = response.json()["model_version_status"]
            found = [int(v["version"]) for v in versions if v["state"] == "AVAILABLE"]
            return _served(self._model, found)
        except (ValueError, TypeError, LookupError) as error:
            raise _no_version(self._url, self._model) from error

    def close(self):
        self._http.close()

    def _rate(self):
        return self._predict(SAMPLE_RATE, AUDIO_BYTES, [b""]).json()["outputs"][0]

    def _predict(self, signature, name, encoded):
        files = [{"b64": base64.b64encode(file).decode()} for file in encoded]
        body = {"signature_name": signature, "inputs": {name: files}}
        return self._answer("POST", f"{self._status}:predict", json=body)

    def _answer(self, method, address, **more):
        try:
            response = self._http.request(method, address, **more)
        except self._errors.ConnectTimeout as error:
            raise _nobody(self._url, error) from error
        except self._errors.TimeoutException as error:
            raise _too_late(self._url, self._timeout) from error
        except self._errors.TransportError as error:
            raise _nobody(self._url, error) from error
        if response.status_code != 200:
            raise self._failure(response)
        return response

    def _failure(self, response):
        status = response.status_code
        try:
            reason = str(response.json()["error"])
        except (ValueError, TypeError, LookupError):
            reason = response.text
        reason = _short(reason) or response.reason_phrase
        if status in (400, 413):
            return Refused(reason)
        if status in (429, 502, 503):
            return Unavailable(f"{self._url} is not available ({status}): {reason}")
        if status == 404:
            return _unknown_model(self._url, self._model, reason)
        return ServerError(f"{self._url} failed ({status}): {reason}")


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
            raise _missing(url, "tensorflow-serving-api") from error
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
        from tensorflow_serving.apis import get_model_metadata_pb2  # As below.

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = self._model
        request.metadata_field.append("signature_def")
        response = self._answer(self._stub.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        try:
            found = signatures.signature_def[SERVING_DEFAULT].inputs
            return _input(found, self._rate)
        except (ValueError, TypeError, LookupError) as error:
            raise _no_embeddings(self._url, self._model) from error

    def embed(self, name, encoded):
        try:
            answer = self._predict(SERVING_DEFAULT, name, encoded, EMBEDDING)
            return _embeddings(answer, len(encoded))
        except (ValueError, TypeError) as error:
            raise _no_embeddings(self._url, self._model) from error

    def model(self):
        from tensorflow_serving.apis import get_model_status_pb2  # As above.

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        response = self._answer(self._models.GetModelStatus, request)
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        versions = response.model_version_status
        try:
            return _served(
                self._model, [v.version for v in versions if v.state == available]
            )
        except ValueError as error:
            raise _no_version(self._url, self._model) from error

    def close(self):
        self._channel.close()

    def _rate(self):
        return self._predict(SAMPLE_RATE, AUDIO_BYTES, [b""], SAMPLE_RATE)[0]

    def _predict(self, signature, name, encoded, output):
        # Over gRPC alone: the REST client needs no TensorFlow.
        import tensorflow as tf
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
        status, reason = self._status, _short(reason)
        too_large = code is status.RESOURCE_EXHAUSTED and "larger than max" in reason
        if code is status.INVALID_ARGUMENT or too_large:
            return Refused(reason)
        if code in (status.UNAVAILABLE, status.RESOURCE_EXHAUSTED):
            return Unavailable(f"{self._url} is not available: {reason}")
        if code is status.DEADLINE_EXCEEDED:
            return _too_late(self._url, self._timeout)
        if code is status.NOT_FOUND:
            return _unknown_model(self._url, self._model, reason)
        return ServerError(f"{self._url} failed ({code.name}): {reason}")


def _input(names, ask_rate):
    """What a model with inputs of some names takes; its rate is asked where it has one.

    Raises:
        LookupError: for another model.
    """
    if IMAGE_BYTES in names:
        return ImageInput()
    if AUDIO_BYTES in names:
        return SoundInput(int(ask_rate()))
    raise LookupError(f"it takes {', '.join(names)}")


def _embeddings(answer, count):
    embeddings = np.asarray(answer, np.float32)
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise ValueError(f"shape {embeddings.shape} for {count} files")
    return embeddings


def _served(name, versions):
    """The `Model` that a server takes where a request names no version."""
    version = max(versions)  # ValueError where there is none.
    return Model(f"{name} version {version}", f"served {name} {version}")


def _missing(url, package):
    return InputError(
        f"{url} needs the package {package}; install it with: "
        'pip install "keras-twins[serving]"'
    )


def _nobody(url, error):
    return Unavailable(f"{url} does not answer: {_short(str(error)) or type(error)}")


def _too_late(url, timeout):
    return ServerError(f"{url} took more than {timeout:g} s for a request")


def _unknown_model(url, model, reason):
    return ServerError(f"{url} serves no model {model!r}: {reason}")


def _no_embeddings(url, model):
    return ServerError(
        f"{url} did not answer with one embedding per file; is {model!r} an exported "
        "embedding model?"
    )


def _no_version(url, model):
    return ServerError(f"{url} has no version of {model!r} that it serves now")


def _short(reason):
    reason = reason.strip()
    more = len(reason) > _REASON_CHARACTERS
    return reason[:_REASON_CHARACTERS] + " ..." * more
