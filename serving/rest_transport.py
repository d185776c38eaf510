"""One request to a server over TensorFlow Serving's REST interface."""

import base64
import urllib.parse

from keras_twins.export.signatures import AUDIO_BYTES, SAMPLE_RATE, SERVING_DEFAULT
from keras_twins.serving import transports


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
            raise transports.missing(url, "httpx") from error
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
            return transports.input_of(
                signatures[SERVING_DEFAULT]["inputs"], self._rate
            )
        except (ValueError, TypeError, LookupError) as error:
            raise transports.no_embeddings(self._url, self._model) from error

    def embed(self, name, encoded):
        answer = self._predict(SERVING_DEFAULT, name, encoded)
        try:
            return transports.embeddings(answer.json()["outputs"], len(encoded))
        except (ValueError, TypeError, LookupError) as error:
            raise transports.no_embeddings(self._url, self._model) from error

    def model(self):
        response = self._answer("GET", self._status)
        try:
            versions = response.json()["model_version_status"]
            found = [int(v["version"]) for v in versions if v["state"] == "AVAILABLE"]
            return transports.served(self._model, found)
        except (ValueError, TypeError, LookupError) as error:
            raise transports.no_version(self._url, self._model) from error

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
            raise transports.nobody(self._url, error) from error
        except self._errors.TimeoutException as error:
            raise transports.too_late(self._url, self._timeout) from error
        except self._errors.TransportError as error:
            raise transports.nobody(self._url, error) from error
        if response.status_code != 200:
            raise self._failure(response)
        return response

    def _failure(self, response):
        status = response.status_code
        try:
            reason = str(response.json()["error"])
        except (ValueError, TypeError, LookupError):
            reason = response.text
        reason = transports.short(reason) or response.reason_phrase
        if status in (400, 413):
            return transports.Refused(reason)
        if status in (429, 502, 503):
            return transports.Unavailable(
                f"{self._url} is not available ({status}): {reason}"
            )
        if status == 404:
            return transports.unknown_model(self._url, self._model, reason)
        return transports.ServerError(f"{self._url} failed ({status}): {reason}")
