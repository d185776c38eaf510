"""The REST interface: TensorFlow Serving's paths, JSON and statuses, on aiohttp."""

import asyncio
import contextlib
import json
import re
import urllib.parse

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError
from google.protobuf import json_format

from keras_twins.export.signatures import SERVING_DEFAULT
from keras_twins.serving import json_answers, json_requests, metrics
from keras_twins.serving.core import require_method
from keras_twins.serving.status import ServingError, invalid

_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_POST = re.compile(
    rf"(?i:/v1/models/([^/:]+){_VERSION}):(classify|regress|predict)", re.ASCII
)
_GET = re.compile(rf"(?i:/v1/models(?:/([^/:]+))?{_VERSION})(/metadata)?", re.ASCII)
_V1 = re.compile("/v1/.*", re.IGNORECASE | re.DOTALL)
_JSON = {"Content-Type": "application/json"}

# A body that takes as long to decode as others take to be answered gets a thread.
_LARGE_BODY = 2**18


class RestApi:
    """Answers HTTP requests.

    Args:
        core: `core.Core`.
    """

    def __init__(self, core):
        self._core = core
        self._answering = 0
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def finish(self):
        """Waits until what has begun to arrive is answered.

        To be called when no connection is accepted any more, before the runner's
        `cleanup`, which would not read the rest of a request.
        """
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._core.limits.seconds):
                await self._idle.wait()

    def runner(self):
        """An `aiohttp.web.AppRunner`, to be set up in an event loop."""
        limits = self._core.limits
        app = web.Application(client_max_size=limits.body_bytes)
        app.router.add_route("*", "/{path:.*}", self._answer_or_close)
        return web.AppRunner(
            app,
            access_log=None,
            # Who hangs up is not computed for.
            handler_cancellation=True,
            # Also the time in which a connection's first header has to arrive.
            keepalive_timeout=limits.seconds,
            lingering_time=1,
            shutdown_timeout=limits.seconds,
        )

    async def _answer_or_close(self, request):
        self._answering += 1
        self._idle.clear()
        try:
            response = await self._answer(request)
            if self._closing:
                response.force_close()
            return response
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    async def _answer(self, request):
        # With its query, which to TensorFlow Serving is part of the path.
        path = request.rel_url.raw_path_qs
        if path == metrics.PATH and request.method == "GET":
            headers = {"Content-Type": metrics.CONTENT_TYPE}
            return web.Response(body=self._core.metrics.page(), headers=headers)
        if not _V1.fullmatch(path):
            return web.Response(status=404, text="Not Found\n")
        try:
            body = await self._answer_v1(request, path)
            return web.Response(body=body, headers=_JSON)
        except ServingError as error:
            response = web.Response(
                status=error.http_status,
                body=json.dumps({"error": error.message}).encode(),
                headers=_JSON,
            )
            if not request.content.is_eof():
                # What is left of a body that was not read is no next request.
                response.force_close()
            return response

    async def _answer_v1(self, request, path):
        if request.method == "POST" and (match := _POST.fullmatch(path)):
            name, number, label = _version(match)
            method = match[4]
            with self._core.counted("REST", method, name), self._core.admitted():
                body = await self._read(request)
                answer = self._predict if method == "predict" else self._refuse
                return await answer(body, method, (name, number, label))
        if request.method == "GET" and (match := _GET.fullmatch(path)):
            wanted = _version(match)
            if not wanted[0]:
                raise invalid("Missing model name in request.")
            with self._core.counted("REST", "", wanted[0]):
                return self._metadata(wanted) if match[4] else self._status(wanted)
        raise invalid(f"Malformed request: {request.method} {path}")

    async def _read(self, request):
        """The body, unpacked if it came compressed."""
        limits = self._core.limits
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise invalid(f"the request's body comes as {encoding!r}; gzip is taken")
        too_large = ServingError(
            "RESOURCE_EXHAUSTED",
            f"the request's body is larger than {limits.body_bytes} bytes",
            http_status=413,
        )
        if (request.content_length or 0) > limits.body_bytes:
            raise too_large
        try:
            async with asyncio.timeout(limits.seconds):
                return await request.read()
        except TimeoutError as error:
            raise ServingError(
                "DEADLINE_EXCEEDED",
                f"the request's body did not arrive within {limits.seconds:g} seconds",
                http_status=408,
            ) from error
        except web.HTTPRequestEntityTooLarge as error:
            raise too_large from error
        except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError) as e:
            raise invalid(f"the request's body cannot be read: {e}") from e

    async def _predict(self, body, method, wanted):
        if len(body) > _LARGE_BODY:
            document = await asyncio.to_thread(json_requests.parse, body)
        else:
            document = json_requests.parse(body)
        name = json_requests.signature_name(document) or SERVING_DEFAULT
        with self._core.models.find(*wanted).in_use() as servable:
            if name not in servable.signatures:
                raise invalid(
                    f'Serving signature name: "{name}" not found in signature def'
                )
            signature = servable.signatures[name]
            arguments = document, signature.inputs
            if len(body) > _LARGE_BODY:
                read = await asyncio.to_thread(json_requests.read_inputs, *arguments)
            else:
                read = json_requests.read_inputs(*arguments)
            inputs, in_rows = read
            outputs = await self._core.predict(signature, inputs)
        return json_answers.write_outputs(outputs, in_rows)

    async def _refuse(self, body, method, wanted):
        document = json_requests.parse(body)
        name = json_requests.signature_name(document)
        json_requests.check_examples(document)
        with self._core.models.find(*wanted).in_use() as servable:
            require_method(servable, name, method)

    def _status(self, wanted):
        return _json(self._core.status(*wanted))

    def _metadata(self, wanted):
        version, signatures = self._core.metadata(*wanted)
        spec = {"name": version.model, "signature_name": ""}
        spec["version"] = str(version.number)
        metadata = {"signature_def": _as_dict(signatures)}
        return _dumps({"model_spec": spec, "metadata": metadata})


def _version(match):
    """The model, version and label that a path names."""
    name, number, label = match[1] or "", match[2], match[3]
    if number is not None:
        digits = number.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= 2**63:
            raise invalid(f"Failed to convert version: {number} to numeric.")
        number = int(digits)
    unquote = urllib.parse.unquote
    return unquote(name), number, label and unquote(label)


def _as_dict(message):
    return json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=True,
    )


def _json(message):
    return _dumps(_as_dict(message))


def _dumps(value):
    return json.dumps(value, indent=1).encode()
