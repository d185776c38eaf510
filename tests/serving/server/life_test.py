"""Versions that come and go, clients that misbehave, limits, and the end."""

import base64
import concurrent.futures
import contextlib
import gzip
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

PATH = "/v1/models/embedder:predict"


@pytest.fixture(scope="module")
def picture():
    file = io.BytesIO()
    Image.new("RGB", (9, 9), (1, 2, 3)).save(file, "PNG")
    return {"b64": base64.b64encode(file.getvalue()).decode()}


def _publish(version, model_dir, number):
    """Copies a version beside the model and renames it into place."""
    beside = model_dir / f".tmp-{number}"
    shutil.copytree(version, beside)
    beside.rename(model_dir / str(number))


def _states(server):
    status, answer = server.request("/v1/models/embedder")
    assert status == 200
    versions = json.loads(answer)["model_version_status"]
    return {int(v["version"]): v["state"] for v in versions}


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_versions_change_under_load_without_a_failed_request(
    start_server, exported, model_dir, picture
):
    server = start_server(f"--model_dir={model_dir}", "--poll_seconds=0.1")
    stop, answers = threading.Event(), []

    def ask():
        while not stop.is_set():
            answers.append(server.request(PATH, {"instances": [picture]}))

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(ask)
        try:
            _publish(exported / "embedder" / "2", model_dir, 2)
            _wait_for(lambda: _states(server) == {1: "END", 2: "AVAILABLE"})
            # A broken version is reported; the one before it goes on serving.
            _publish(exported / "embedder" / "1", model_dir, 3)
            _wait_for(lambda: _states(server).get(3) == "AVAILABLE")
            broken = model_dir / ".tmp-4"
            shutil.copytree(exported / "embedder" / "2", broken)
            (broken / "saved_model.pb").write_bytes(b"no model")
            broken.rename(model_dir / "4")
            _wait_for(lambda: _states(server).get(4) == "END")
            time.sleep(0.3)
            assert _states(server) == {1: "END", 2: "END", 3: "AVAILABLE", 4: "END"}
            # Its files are mended in place.
            good = exported / "embedder" / "2" / "saved_model.pb"
            shutil.copy(good, model_dir / "4" / "saved_model.pb")
            _wait_for(lambda: _states(server).get(4) == "AVAILABLE")
            # It is withdrawn: the one before it comes back.
            shutil.rmtree(model_dir / "4")
            _wait_for(lambda: _states(server).get(3) == "AVAILABLE")
            _wait_for(lambda: _states(server).get(4) == "END")
            # A folder that is copied slowly is none yet.
            (model_dir / "5" / "variables").mkdir(parents=True)
            shutil.rmtree(model_dir / "1")
            time.sleep(0.3)
            assert 5 not in _states(server)
        finally:
            stop.set()
    assert len(answers) > 100
    assert {status for status, _ in answers} == {200}
    answers = [json.loads(answer)["predictions"] for _, answer in answers]
    embeddings = np.concatenate(answers)
    # Two models answered; their last digits depend on what shared a batch.
    is_first = np.isclose(embeddings, embeddings[0], atol=1e-5).all(axis=1)
    others = embeddings[~is_first]
    assert len(others)
    np.testing.assert_allclose(others, others[:1].repeat(len(others), 0), atol=1e-5)
    failed = [line for line in server.logs() if line["severity"] == "ERROR"]
    assert [(line["version"], line["message"]) for line in failed] == [
        (4, "version failed to load")
    ]
    _, answer = server.request("/v1/models/embedder/versions/4")
    assert server.stop() == 0


@pytest.fixture(scope="module")
def strict(start_server, exported):
    """A server that allows little."""
    return start_server(
        f"--model_dir={exported}/embedder",
        "--max_body_mib=1",
        "--max_instances=3",
        "--max_requests=2",
        "--request_timeout_s=1",
    )


@contextlib.contextmanager
def _connected(server):
    address = ("127.0.0.1", server.rest_port)
    with socket.create_connection(address, timeout=20) as connection:
        yield connection


def _head(length, *more):
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def _said(connection):
    """All that the server says until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def _in_flight(server):
    _, page = server.request("/monitoring/prometheus/metrics")
    return b"requests_in_flight 0.0" not in page


def _lives(server, picture):
    return server.request(PATH, {"instances": [picture]})[0] == 200


def test_who_sends_slowly_is_timed_out(strict, picture):
    with _connected(strict) as connection:
        connection.sendall(_head(100) + b'{"inst')
        said = _said(connection)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 1 seconds" in said
    with _connected(strict) as connection:
        connection.sendall(b"POST /v1/mod")
        assert _said(connection) == b""
    assert _lives(strict, picture)


def test_who_hangs_up_is_dropped(strict, picture):
    for sent in (b"", b"POST", _head(100), _head(100) + b"{"):
        with _connected(strict) as connection:
            connection.sendall(sent)
    body = json.dumps({"instances": [picture]}).encode()
    with _connected(strict) as connection:
        connection.sendall(_head(len(body)) + body)
    _wait_for(lambda: not _in_flight(strict))
    assert _lives(strict, picture)


def test_what_is_too_large_is_refused(strict, picture):
    status, answer = strict.request(PATH, {"instances": [picture] * 4})
    assert status == 400
    assert "has 4 instances; at most 3" in json.loads(answer)["error"]
    with _connected(strict) as connection:
        connection.sendall(_head(2**40))
        said = _said(connection)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 1048576 bytes" in said
    # Zeros that are a thousand times as many once unpacked.
    packed = gzip.compress(b" " * 2**24)
    headers = {"Content-Encoding": "gzip"}
    assert strict.request(PATH, packed, headers=headers)[0] == 413
    assert _lives(strict, picture)


def test_who_waits_for_a_go_ahead_gets_it(strict, picture):
    body = json.dumps({"instances": [picture]}).encode()
    with _connected(strict) as connection:
        connection.sendall(_head(len(body), "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_more_requests_than_allowed_are_told_to_come_back(strict, picture):
    with _connected(strict) as first, _connected(strict) as second:
        for connection in (first, second):
            connection.sendall(_head(100))
        _wait_for(lambda: _in_flight(strict))
        time.sleep(0.2)
        status, answer = strict.request(PATH, {"instances": [picture]})
        assert status == 503
        assert "try again later" in json.loads(answer)["error"]
    _wait_for(lambda: _lives(strict, picture))


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 9]
)
def test_what_is_no_http_ends_its_connection_only(strict, picture, nonsense):
    with _connected(strict) as connection:
        connection.sendall(nonsense)
        connection.shutdown(socket.SHUT_WR)
        _said(connection)
    assert _lives(strict, picture)


def test_grpc_keeps_the_limits_too(strict):
    channel = grpc.insecure_channel(strict.grpc)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "embedder"
    for value, code in [
        ([b"x"] * 4, grpc.StatusCode.INVALID_ARGUMENT),
        ([b"x" * 2**21], grpc.StatusCode.RESOURCE_EXHAUSTED),
    ]:
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(value))
        with channel, pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request)
        assert caught.value.code() == code
        channel = grpc.insecure_channel(strict.grpc)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_metrics_are_those_of_tf_serving(strict, picture):
    assert _lives(strict, picture)
    strict.request("/v1/models/nope:predict", {"instances": [picture]})
    status, page = strict.request("/monitoring/prometheus/metrics")
    assert status == 200
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }
    count = ":tensorflow:serving:request_count"
    known = ("model_name", "embedder")
    assert samples[count, known, ("status", "OK")] >= 1
    # A stranger's names are not kept.
    assert samples[count, ("model_name", ""), ("status", "NOT_FOUND")] == 1
    labels = ("API", "predict"), ("entrypoint", "REST"), known
    assert samples[":tensorflow:serving:request_latency_count", *labels] >= 1
    assert samples[":tensorflow:serving:runtime_latency_count",] >= 1
    for name in ("queuing_latency_sum", "processed_batch_size_sum"):
        assert samples[f":tensorflow:serving:batching_session:{name}",] > 0


def test_logs_are_json_and_name_what_failed(strict, picture):
    strict.request(PATH, {"instances": [1]})
    _wait_for(lambda: any(line.get("api") == "predict" for line in strict.logs()))
    first = strict.logs()[0]
    assert first["message"] == "version available" and first["model"] == "embedder"
    failed = [line for line in strict.logs() if line.get("api") == "predict"]
    assert {"model", "status", "entrypoint", "milliseconds"} <= set(failed[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_answered_before_the_end(start_server, exported, picture, number):
    server = start_server(f"--model_dir={exported}/embedder")
    body = json.dumps({"instances": [picture]}).encode()
    with _connected(server) as connection:
        connection.sendall(_head(len(body)) + body[:-1])
        _wait_for(lambda: _in_flight(server))
        server.process.send_signal(number)
        _wait_for(lambda: any(line["message"] == "stopping" for line in server.logs()))
        connection.sendall(body[-1:])
        said = _said(connection)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(30) == 0
    assert server.logs()[-1]["message"] == "stopped"
    assert "Traceback" not in server.errors()


def test_nobody_has_to_read_what_the_server_says(exported, picture):
    command = [sys.executable, "-m", "keras_twins.commands.serve"]
    ports = ["--rest_port=0", "--grpc_port=0", f"--model_dir={exported}/embedder"]
    process = subprocess.Popen(
        [*command, *ports], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stdout:
            if "metrics at" in line:
                break
        url = line.split()[2].removesuffix("/monitoring/prometheus/metrics")
        for _ in range(700):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{url}/v1/models/{'x' * 200}", timeout=20)
        process.terminate()
        assert process.wait(30) == 0
