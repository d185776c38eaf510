"""A server that embeds by arithmetic and fails by script, over REST or gRPC."""

import base64
import collections
import concurrent.futures
import contextlib
import http.server
import json
import socketserver
import threading
import time
import zlib

import numpy as np
import pytest

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class ScriptedServer:
    """What both protocols share: the answers, and what was asked.

    Args:
        script: what happens to the first requests: a status to answer with, "hang",
            "drop" the connection, or "ok"; later requests are embedded.
        width: int. Numbers in an embedding; None for an answer that is no embedding.
        seconds: float. What a request takes at least.
        merges: bool. Whether requests that meet are refused together, as a server does
            that runs them as one batch.
    """

    def __init__(self, script, width, seconds, merges):
        self.requests = []
        self.version = 1
        # After so many requests, connections break.
        self.lives = float("inf")
        self.most_at_a_time = 0
        self.stopped = threading.Event()
        self._script = collections.deque(script)
        self._width, self._seconds, self._merges = width, seconds, merges
        self._in_flight = []
        self._lock = threading.Lock()

    def versions(self, model):
        """Gives a status, and the versions that are served or a message."""
        if model != "embedder":
            return 404, f"Could not find any versions of model {model}"
        return 200, [self.version]

    def answer(self, model, images):
        """Gives a status, and embeddings or a message."""
        with self._lock:
            self.requests.append(list(images))
            self._in_flight.append(images)
            self.most_at_a_time = max(self.most_at_a_time, len(self._in_flight))
            step = self._script.popleft() if self._script else "ok"
            if len(self.requests) > self.lives:
                step = "drop"
        time.sleep(self._seconds)
        together = sum(self._in_flight, []) if self._merges else images
        # What is refused is answered late, so that others may meet it twice.
        time.sleep(self._seconds * (4 if any(b"bad" in i for i in images) else 1))
        with self._lock:
            self._in_flight.remove(images)
        if step == "hang":
            self.stopped.wait(60)
        if step != "ok":
            return step, f"scripted {step}"
        if model != "embedder":
            return 404, f"Servable not found for request: Latest({model})"
        bad = [place for place, image in enumerate(together) if b"bad" in image]
        if bad:
            return 400, (
                f"assertion failed: [image_bytes[{bad[0]}] is not a JPEG, PNG, BMP, "
                "GIF or WebP image]\n\t [[{{node case/Assert}}]]"
            )
        return 200, embeddings(images, self._width)


def embeddings(images, width=4):
    """What the scripted server answers; None for a `width` of None."""
    if width is None:
        return None
    sums = [[zlib.crc32(image, n) / 7 for n in range(width)] for image in images]
    return np.array(sums, np.float32).reshape(len(images), width)


@contextlib.contextmanager
def _rest(server, port, tls):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            model, _, what = self.path.removeprefix("/v1/models/").partition("/")
            status, answer = server.versions(model)
            if status == 200 and what == "metadata":
                found = {"serving_default": {"inputs": {"image_bytes": {}}}}
                answer = {"metadata": {"signature_def": {"signature_def": found}}}
            elif status == 200:
                found = [{"version": str(v), "state": "AVAILABLE"} for v in answer]
                answer = {"model_version_status": found}
            else:
                answer = {"error": answer}
            self.send(status, answer)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            images = [base64.b64decode(i["b64"]) for i in body["inputs"]["image_bytes"]]
            model = self.path.removeprefix("/v1/models/").removesuffix(":predict")
            status, answer = server.answer(model, images)
            if status in ("drop", "hang"):
                self.close_connection = True
                return
            if status == 200:
                answer = {"outputs": None if answer is None else answer.tolist()}
            else:
                answer = {"error": answer}
            self.send(status, answer)

        def send(self, status, answer):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Handler) as listening:
        if tls is not None:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http{'s' if tls else ''}://localhost:{listening.server_port}"
        listening.shutdown()


@contextlib.contextmanager
def _grpc(server, port, tls):
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            images = list(request.inputs["image_bytes"].string_val)
            status, answer = server.answer(request.model_spec.name, images)
            if status in ("drop", "hang"):
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            if status != 200:
                context.abort(grpc.StatusCode[_CODES[status]], answer)
            response = predict_pb2.PredictResponse()
            if answer is not None:
                output = tf.make_tensor_proto(answer)
                response.outputs["embedding"].CopyFrom(output)
            return response

        def GetModelMetadata(self, request, context):
            status, answer = server.versions(request.model_spec.name)
            if status != 200:
                context.abort(grpc.StatusCode[_CODES[status]], answer)
            signatures = get_model_metadata_pb2.SignatureDefMap()
            inputs = signatures.signature_def["serving_default"].inputs
            inputs["image_bytes"].name = "files:0"
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.metadata["signature_def"].Pack(signatures)
            return response

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            status, answer = server.versions(request.model_spec.name)
            if status != 200:
                context.abort(grpc.StatusCode[_CODES[status]], answer)
            response = get_model_status_pb2.GetModelStatusResponse()
            for version in answer:
                state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
                response.model_version_status.add(version=version, state=state)
            return response

    listening = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), listening)
    servicer = Servicer()
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        servicer, listening
    )
    if tls is None:
        port = listening.add_insecure_port(f"127.0.0.1:{port}")
    else:
        port = listening.add_secure_port(f"127.0.0.1:{port}", tls)
    listening.start()
    yield f"grpc{'s' if tls else ''}://localhost:{port}"
    listening.stop(None)


@pytest.fixture
def serve():
    """Starts scripted servers: `serve(protocol, *script, **options)`.

    Returns:
        tuple of the server's URL and the `ScriptedServer`.
    """
    with contextlib.ExitStack() as stack:

        def start(
            protocol, *script, port=0, tls=None, width=4, seconds=0.0, merges=False
        ):
            server = ScriptedServer(script, width, seconds, merges)
            listen = _grpc if protocol == "grpc" else _rest
            url = stack.enter_context(listen(server, port, tls))
            stack.callback(server.stopped.set)
            return url, server

        yield start


@pytest.fixture(scope="session")
def expected():
    """What a scripted server answers for a list of encoded images."""
    return embeddings
