"""What REST and gRPC have in common: limits, runs, statuses, metadata and counts."""

import asyncio
import contextlib
import dataclasses
import logging
import time

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from keras_twins.export.signatures import SERVING_DEFAULT
from keras_twins.serving.servable import rows
from keras_twins.serving.status import ServingError, invalid

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one client may ask of the server.

    Attributes:
        body_bytes: int. Size of a request, unpacked.
        instances: int. Rows of a request.
        requests: int. Requests for predictions at a time.
        seconds: float. Time to send a request, and again to answer it.
    """

    body_bytes: int = 64 * 2**20
    instances: int = 1024
    requests: int = 256
    seconds: float = 30.0


class Core:
    """Answers requests that have been decoded.

    Args:
        models: `models.Models`.
        batcher: `batching.Batcher`.
        metrics: `metrics.Metrics`.
        limits: `Limits`.
    """

    def __init__(self, models, batcher, metrics, limits):
        self.models = models
        self.metrics = metrics
        self.limits = limits
        self._batcher = batcher
        self._running = 0

    @contextlib.contextmanager
    def counted(self, entrypoint, api, name):
        """A scope that answers one request: counted, and logged if it fails.

        Args:
            entrypoint: "REST" or "GRPC".
            api: str, such as "predict"; empty for statuses and metadata.
            name: str. The model that is asked for.

        Raises:
            ServingError: INTERNAL for what no one expected.
        """
        start, status = time.perf_counter(), "OK"
        self.metrics.in_flight.inc()
        try:
            yield
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        except ServingError as error:
            status = error.code
            raise
        except Exception as error:
            status = "INTERNAL"
            _log.exception("a request failed", extra={"model": name})
            raise ServingError(status, f"{type(error).__name__}: {error}") from error
        finally:
            self.metrics.in_flight.dec()
            seconds = time.perf_counter() - start
            known = name if name in self.models.names() else ""
            self.metrics.answered(known, status, api, entrypoint, seconds)
            if status != "OK":
                _log.warning(
                    "request not answered",
                    extra={
                        "model": name,
                        "status": status,
                        "api": api,
                        "entrypoint": entrypoint,
                        "milliseconds": round(1e3 * seconds, 1),
                    },
                )

    @contextlib.contextmanager
    def admitted(self):
        """A scope of which only so many are open at a time.

        Raises:
            ServingError: UNAVAILABLE, when too many are.
        """
        if self._running >= self.limits.requests:
            raise ServingError(
                "UNAVAILABLE",
                f"{self._running} requests are being answered; try again later",
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def predict(self, signature, inputs):
        """Runs a signature on a request's inputs.

        Args:
            signature: `servable.Signature`.
            inputs: dict from name to array.

        Returns:
            dict from name to array.

        Raises:
            ServingError: if the inputs do not fit or it takes too long.
        """
        signature.check(inputs)
        count = rows(inputs)
        if count is not None and count > self.limits.instances:
            raise invalid(
                f"the request has {count} instances; at most "
                f"{self.limits.instances} are answered at a time"
            )
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._batcher.run(signature, inputs)
        except TimeoutError as error:
            raise ServingError(
                "DEADLINE_EXCEEDED",
                f"not answered within {self.limits.seconds:g} seconds",
            ) from error

    def status(self, name, number=None, label=None):
        """The `GetModelStatusResponse` for versions of a model."""
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self.models.status(name, number, label):
            state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
            status = response.model_version_status.add(
                version=version.number, state=state
            )
            # The message is there, and empty, in a version that is well.
            status.status.error_message = version.error
            if version.error:
                status.status.error_code = _UNKNOWN
        return response

    def metadata(self, name, number=None, label=None):
        """The signatures of a version.

        Returns:
            `Version`, and its `SignatureDefMap`.
        """
        version = self.models.find(name, number, label)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, definition in version.servable.definitions.items():
            signatures.signature_def[key].CopyFrom(definition)
        return version, signatures


_UNKNOWN = 2


def require_method(servable, name, method):
    """Refuses a request for a method that no exported embedding model has.

    Args:
        servable: `servable.Servable`.
        name: str. The signature's, empty for `serving_default`.
        method: "classify" or "regress".

    Raises:
        ServingError: always.
    """
    name = name or SERVING_DEFAULT
    definition = servable.definitions.get(name)
    if definition is None:
        raise invalid(f"No signature was found with the name: {name}")
    wanted = f"tensorflow/serving/{method}"
    if definition.method_name != wanted:
        kind = "classification" if method == "classify" else "regression"
        raise invalid(
            f"Expected {kind} signature method_name to be {wanted}. "
            f"Was: {definition.method_name}"
        )
    raise ServingError("UNIMPLEMENTED", f"{method} is not served here; predict is")
